/// Convolutions.
module FunctionalDL.Conformance.Families.Conv

open FunctionalDL.Core
open FunctionalDL.Conformance

/// Input, weight and perhaps bias.
let private operands (request: Request) =
    match request.Inputs with
    | [ x; weight ] -> x, weight, None
    | [ x; weight; bias ] -> x, weight, Some bias
    | other -> raise (NotSupported $"{other.Length} inputs")

let private intsOr fallback name attributes =
    match Attribute.axes name attributes with
    | [] -> fallback
    | numbers -> numbers

let private groups attributes =
    match Attribute.tryFind "groups" attributes with
    | Some _ -> Attribute.int "groups" attributes
    | None -> 1

let private conv (request: Request) =
    let x, weight, bias = operands request

    let options = {
        Convolution.defaults with
            Stride = intsOr [ 1 ] "stride" request.Attributes
            Padding = Padding.symmetric (intsOr [ 0 ] "padding" request.Attributes)
            Dilation = intsOr [ 1 ] "dilation" request.Attributes
            Groups = groups request.Attributes
    }

    Convolution.conv options weight bias x

let private convTranspose (request: Request) =
    let x, weight, bias = operands request

    let options: TransposedConvolutionOptions = {
        Stride = intsOr [ 1 ] "stride" request.Attributes
        Padding = intsOr [ 0 ] "padding" request.Attributes
        OutputPadding = intsOr [ 0 ] "output_padding" request.Attributes
        Dilation = intsOr [ 1 ] "dilation" request.Attributes
        Groups = groups request.Attributes
    }

    Convolution.convTranspose options weight bias x

let private known = [ "stride"; "padding"; "dilation"; "groups" ]

let table = [
    for rank in 1..3 do
        Operation.single $"conv{rank}d" known conv
        Operation.single $"conv_transpose{rank}d" ("output_padding" :: known) convTranspose
]
