namespace FunctionalDL.Core

/// What a block of a residual network has between its input and the sum. K. He, X. Zhang, S. Ren, J. Sun, "Deep residual
/// learning for image recognition", CVPR 2016, figure 5.
[<RequireQualifiedAccess>]
type ResidualKind =
    /// Two convolutions of 3 × 3.
    | Basic
    /// One of 1 × 1 that makes the channels few, one of 3 × 3, and one of 1 × 1 that makes them four times as many.
    | Bottleneck

/// One block of a residual network.
type ResidualBlock = {
    Kind: ResidualKind
    InChannels: int
    /// The channels of its convolution of 3 × 3.
    Width: int
    /// The places from one window to the next, of the first convolution of 3 × 3.
    Stride: int
} with

    /// How many times as many channels come out as the width says.
    member this.Expansion =
        match this.Kind with
        | ResidualKind.Basic -> 1
        | ResidualKind.Bottleneck -> 4

    member this.OutChannels = this.Width * this.Expansion

    /// Whether the input has another number of channels than the output.
    member this.ChangesChannels = this.InChannels <> this.OutChannels

/// A residual network: `Blocks` says how many there are in each of its stages, whose widths are 64, 128, 256, ….
type ResidualNetworkSpec = {
    Kind: ResidualKind
    Blocks: int list
    /// Of the pictures: 3 for colour.
    InChannels: int
    /// How many numbers come out.
    Classes: int
}

/// What residual networks for pictures share.
module ResidualNetwork =

    /// A network of this many layers with weights: 18, 34, 50 or 101, as the paper's table 1 has them.
    ///
    /// *Errors:* `OptionException` for another number, or when there is no channel or no class.
    let ofDepth (depth: int) (inChannels: int) (classes: int) : ResidualNetworkSpec =
        Part.requirePositive "residual network" [ "channels of pictures", inChannels; "classes", classes ]

        let kind, blocks =
            match depth with
            | 18 -> ResidualKind.Basic, [ 2; 2; 2; 2 ]
            | 34 -> ResidualKind.Basic, [ 3; 4; 6; 3 ]
            | 50 -> ResidualKind.Bottleneck, [ 3; 4; 6; 3 ]
            | 101 -> ResidualKind.Bottleneck, [ 3; 4; 23; 3 ]
            | _ ->
                Fail.option $"residual network: there is none of {depth} layers; there is 18, 34, 50 and 101"

        {
            Kind = kind
            Blocks = blocks
            InChannels = inChannels
            Classes = classes
        }

    /// The channels that the blocks begin with.
    [<Literal>]
    let StemChannels = 64

    /// The blocks of each stage: each stage but the first begins with a stride of 2 and doubles the width.
    let stages (spec: ResidualNetworkSpec) : ResidualBlock list list =
        let stage inChannels (i, count) =
            let first = {
                Kind = spec.Kind
                InChannels = inChannels
                Width = StemChannels <<< i
                Stride = if i = 0 then 1 else 2
            }

            let next = {
                first with
                    InChannels = first.OutChannels
                    Stride = 1
            }

            first :: List.replicate (count - 1) next, first.OutChannels

        List.mapFold stage StemChannels (List.indexed spec.Blocks) |> fst

    /// The channels that come out of the last block.
    let features (spec: ResidualNetworkSpec) : int =
        let last = stages spec |> List.last |> List.last
        last.OutChannels

    /// A square convolution without bias, padded so that stride 1 keeps the size.
    let internal convolution inChannels outChannels kernel stride =
        Conv {
            Layer.conv inChannels outChannels [ kernel; kernel ] with
                Bias = false
                Options = {
                    Convolution.defaults with
                        Stride = [ stride ]
                        Padding = [ kernel / 2, kernel / 2 ]
                }
        }

    let internal norm channels = BatchNorm(Layer.batchNorm channels)

    /// The pool behind the stem, which halves the sizes.
    let internal stemPool =
        Pool(
            PoolSpec.Max(
                [ 3; 3 ],
                {
                    Pooling.maxDefaults with
                        Stride = [ 2 ]
                        Padding = [ 1 ]
                }
            )
        )
