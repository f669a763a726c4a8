/// Pooling, interpolation, grids, padding and windows.
module FunctionalDL.Conformance.Families.Pool

open FunctionalDL.Core
open FunctionalDL.Conformance

let private intsOr fallback name attributes =
    match Attribute.axes name attributes with
    | [] -> fallback
    | numbers -> numbers

let private textOr fallback name attributes =
    match Attribute.tryFind name attributes with
    | Some _ -> Attribute.text name attributes
    | None -> fallback

let private maxPool (request: Request) =
    let options: MaxPoolOptions = {
        Stride = intsOr [] "stride" request.Attributes
        Padding = intsOr [ 0 ] "padding" request.Attributes
        Dilation = intsOr [ 1 ] "dilation" request.Attributes
        CeilMode = Attribute.boolOr false "ceil_mode" request.Attributes
    }

    Operation.one request
    |> Pooling.max options (Attribute.ints "kernel" request.Attributes)

let private averagePool (request: Request) =
    let options: AveragePoolOptions = {
        Stride = intsOr [] "stride" request.Attributes
        Padding = intsOr [ 0 ] "padding" request.Attributes
        CeilMode = Attribute.boolOr false "ceil_mode" request.Attributes
        CountIncludePad = Attribute.boolOr true "count_include_pad" request.Attributes
        DivisorOverride =
            Attribute.tryFind "divisor_override" request.Attributes
            |> Option.map (fun _ -> Attribute.int "divisor_override" request.Attributes)
    }

    Operation.one request
    |> Pooling.average options (Attribute.ints "kernel" request.Attributes)

let private interpolate (request: Request) =
    let mode =
        match textOr "nearest" "mode" request.Attributes with
        | "nearest" -> InterpolationMode.Nearest
        | "linear"
        | "bilinear"
        | "trilinear" -> InterpolationMode.Linear
        | "bicubic" -> InterpolationMode.Cubic
        | "area" -> InterpolationMode.Area
        | other -> raise (NotSupported $"mode '{other}'")

    let options: InterpolationOptions = {
        Mode = mode
        AlignCorners = Attribute.boolOr false "align_corners" request.Attributes
    }

    Operation.one request
    |> Interpolation.interpolate options (InterpolationSize.Sizes(Attribute.axes "size" request.Attributes))

let private gridSample (request: Request) =
    let options: GridSampleOptions = {
        Mode =
            match textOr "bilinear" "mode" request.Attributes with
            | "bilinear" -> SampleMode.Linear
            | "nearest" -> SampleMode.Nearest
            | other -> raise (NotSupported $"mode '{other}'")
        Padding =
            match textOr "zeros" "padding_mode" request.Attributes with
            | "zeros" -> SamplePadding.Zeros
            | "border" -> SamplePadding.Border
            | "reflection" -> SamplePadding.Reflection
            | other -> raise (NotSupported $"padding mode '{other}'")
        AlignCorners = Attribute.boolOr false "align_corners" request.Attributes
    }

    let x, grid = Operation.two request
    Interpolation.gridSample options grid x

let private affineGrid (request: Request) =
    let sizes = Attribute.ints "size" request.Attributes |> List.skip 2

    Operation.one request
    |> Interpolation.affineGrid (Attribute.boolOr false "align_corners" request.Attributes) sizes

/// `[left; right; top; bottom]` as pairs.
let rec private pairs numbers =
    match numbers with
    | before :: after :: rest -> (before, after) :: pairs rest
    | [] -> []
    | [ _ ] -> raise (NotSupported "an odd number of paddings")

let private pad (request: Request) =
    let mode =
        match textOr "constant" "mode" request.Attributes with
        | "constant" -> PaddingMode.Constant(Attribute.floatOr 0.0 "value" request.Attributes)
        | "reflect" -> PaddingMode.Reflect
        | "replicate" -> PaddingMode.Replicate
        | "circular" -> PaddingMode.Circular
        | other -> raise (NotSupported $"mode '{other}'")

    Operation.one request
    |> Padding.pad mode (pairs (Attribute.ints "pad" request.Attributes))

let private unfoldOptions attributes : UnfoldOptions = {
    Stride = intsOr [ 1 ] "stride" attributes
    Padding = intsOr [ 0 ] "padding" attributes
    Dilation = intsOr [ 1 ] "dilation" attributes
}

let private unfold (request: Request) =
    Operation.one request
    |> Convolution.unfold (unfoldOptions request.Attributes) (Attribute.ints "kernel" request.Attributes)

let private fold (request: Request) =
    Operation.one request
    |> Convolution.fold
        (unfoldOptions request.Attributes)
        (Attribute.ints "kernel" request.Attributes)
        (Attribute.ints "output_size" request.Attributes)

let table = [
    for rank in 1..3 do
        Operation.single $"max_pool{rank}d" [ "kernel"; "stride"; "padding"; "dilation"; "ceil_mode" ] maxPool

        Operation.single
            $"avg_pool{rank}d"
            [ "kernel"; "stride"; "padding"; "ceil_mode"; "count_include_pad"; "divisor_override" ]
            averagePool

        Operation.single $"adaptive_avg_pool{rank}d" [ "output_size" ] (fun request ->
            Operation.one request
            |> Pooling.adaptiveAverage (Attribute.axes "output_size" request.Attributes))

        Operation.single $"adaptive_max_pool{rank}d" [ "output_size" ] (fun request ->
            Operation.one request
            |> Pooling.adaptiveMax (Attribute.axes "output_size" request.Attributes))
    Operation.single "interpolate" [ "size"; "mode"; "align_corners" ] interpolate
    Operation.single "grid_sample" [ "mode"; "padding_mode"; "align_corners" ] gridSample
    Operation.single "affine_grid" [ "size"; "align_corners" ] affineGrid
    Operation.single "pad" [ "pad"; "mode"; "value" ] pad
    Operation.single "unfold" [ "kernel"; "stride"; "padding"; "dilation" ] unfold
    Operation.single "fold" [ "kernel"; "output_size"; "stride"; "padding"; "dilation" ] fold
]
