namespace FunctionalDL.Core.Planning

open FunctionalDL.Core
open FunctionalDL.Kernels

type private Part = FunctionalDL.Core.ConvolutionPart
type private KernelPart = FunctionalDL.Kernels.ConvolutionPart

/// Convolutions as work.
[<RequireQualifiedAccess>]
module internal ConvolutionWork =

    /// How the kernels compute one part of a convolution of operands of these shapes.
    let plan dtype part (spec: ConvolutionSpec) (a: Shape) (b: Shape) =
        let struct (kernelPart, channels, filters) =
            match part with
            | Part.Output -> struct (KernelPart.Output, a[1], b[0])
            | Part.Input -> struct (KernelPart.Input, spec.Groups * b[1], b[0])
            | Part.Weight -> struct (KernelPart.Weight, a[1], b[1])

        let shape =
            ConvolutionShape(
                DType.element dtype,
                a[0],
                spec.Groups,
                channels,
                filters,
                spec.Input,
                spec.Kernel,
                spec.Stride,
                spec.Before,
                spec.Dilation,
                spec.Output
            )

        ConvolutionPlan(shape, kernelPart)

    /// One part of a convolution of contiguous operands, as `plan` does it, in the buffer `scratch`.
    let run (plan: ConvolutionPlan) part dtype a b target scratch =
        let reads, writes = [| a.Buffer; b.Buffer |], [| target; scratch |]

        {
            new Work($"{part} of a convolution, {plan.Algorithm}", reads, writes) with
                member _.Run(pool, slots) =
                    let a, b = Work.address dtype a slots, Work.address dtype b slots
                    let result = slots[target]

                    let struct (x, w, y) =
                        match part with
                        | Part.Output -> struct (a, b, result)
                        | Part.Input -> struct (result, b, a)
                        | Part.Weight -> struct (a, result, b)

                    plan.Run(pool, x, w, y, slots[scratch])
        }
