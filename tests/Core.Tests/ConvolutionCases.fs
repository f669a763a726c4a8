/// Convolutions for the tables of primitives: random geometries, and each part through the public functions.
module FunctionalDL.Tests.ConvolutionCases

open System
open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// How the three tensors of a convolution meet, and their shapes.
type Geometry = {
    Spec: ConvolutionSpec
    X: int list
    W: int list
    Y: int list
}

/// The shapes of the operands of a part.
let operandsOf part geometry =
    match part with
    | ConvolutionPart.Output -> geometry.X, geometry.W
    | ConvolutionPart.Input -> geometry.Y, geometry.W
    | ConvolutionPart.Weight -> geometry.X, geometry.Y

/// A random geometry of `rank` spatial axes with all options. `most` bounds the sizes beside the places.
let geometry (rng: Random) rank most =
    let some low high =
        Array.init rank (fun _ -> rng.Next(low, high + 1))

    let groups = 1 + rng.Next 2
    let kernel, dilation, stride = some 1 3, some 1 2, some 1 3
    let before, after = some 0 2, some 0 2
    let reach = Array.map2 (fun k d -> (k - 1) * d + 1) kernel dilation

    let input =
        Array.init rank (fun i -> max 1 (reach[i] - before[i] - after[i]) + rng.Next 4)

    let output =
        Array.init rank (fun i -> (input[i] + before[i] + after[i] - reach[i]) / stride[i] + 1)

    let channels, filters = 1 + rng.Next most, 1 + rng.Next most
    let batch = 1 + rng.Next most

    {
        Spec = {
            Groups = groups
            Stride = stride
            Dilation = dilation
            Before = before
            Input = input
            Kernel = kernel
            Output = output
        }
        X = batch :: channels * groups :: List.ofArray input
        W = filters * groups :: channels :: List.ofArray kernel
        Y = batch :: filters * groups :: List.ofArray output
    }

/// A part of a convolution by the public functions: the input and the weight are what transposes the output.
let compute part (spec: ConvolutionSpec) (a: Tensor) (b: Tensor) =
    let after i =
        let last = (spec.Output[i] - 1) * spec.Stride[i] - spec.Before[i]
        max 0 (last + (spec.Kernel[i] - 1) * spec.Dilation[i] + 1 - spec.Input[i])

    let options = {
        Convolution.defaults with
            Stride = List.ofArray spec.Stride
            Dilation = List.ofArray spec.Dilation
            Padding = List.init spec.Stride.Length (fun i -> spec.Before[i], after i)
            Groups = spec.Groups
    }

    let conv x w = Convolution.conv options w None x

    let zeros first second (sizes: int[]) =
        Tensor.full a.DType (first :: second :: List.ofArray sizes) 0.0

    match part with
    | ConvolutionPart.Output -> conv a b
    | ConvolutionPart.Input ->
        let x = zeros a.Shape[0] (spec.Groups * b.Shape[1]) spec.Input
        snd (vjp (fun x -> conv x b) x) a
    | ConvolutionPart.Weight ->
        let w = zeros b.Shape[1] (a.Shape[1] / spec.Groups) spec.Kernel
        snd (vjp (conv a) w) b
