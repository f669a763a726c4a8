/// What the tests of layers share: calls, and a layer against what PyTorch computes for it.
module FunctionalDL.Tests.Layers.LayerSupport

open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// The fill rule of the golden traces: element `k` is scale · sin(phase + 0.7 k).
let sines shape scale phase =
    float64s shape (Seq.init (elements shape) (fun k -> scale * sin (phase + 0.7 * float k)))

let none: Variables = {
    Parameters = Tree.empty
    State = Tree.empty
}

let calling mode variables = {
    Mode = mode
    Variables = variables
    Key = Key.ofSeed 3L
}

let evaluating variables = calling Mode.Evaluation variables
let training variables = calling Mode.Training variables

/// First variables in float64, without inputs.
let fresh layer =
    Layer.variables
        {
            DType = DType.Float64
            Key = Key.ofSeed 7L
        }
        layer

/// The one output.
let one (outputs: Tensor list, _: Tree<Tensor>) =
    match outputs with
    | [ y ] -> y
    | _ -> invalidOp $"{outputs.Length} outputs"

/// Fails unless a layer in training mode has these parameters (names and shapes, in order), outputs, and
/// gradients of ⟨outputs, sines⟩ by its inputs and then its parameters. Parameter `i` is filled by `sines 0.5
/// (0.3 i)` and input `i` by `sines 1 (0.2 + 0.4 i)`; `extra` are inputs without a gradient.
let agrees
    engine
    layer
    (parameters: (string * int list) list)
    inputs
    extra
    (outputs: float[] list)
    (gradients: float[] list)
    =
    let on = engineOf engine
    let first = fresh layer
    let leaves = Tree.leaves first.Parameters
    shouldEqual parameters (leaves |> List.map (fun (name, p) -> name, dimsOf p))

    let values =
        parameters |> List.mapi (fun i (_, shape) -> sines shape 0.5 (0.3 * float i))

    let given =
        inputs |> List.mapi (fun i shape -> sines shape 1.0 (0.2 + 0.4 * float i))

    let apply (given: Tensor list, values: Tensor list) =
        let variables = {
            first with
                Parameters = Structure.rebuild first.Parameters values
        }

        fst (Layer.apply layer (training variables) (given @ extra))

    let actual = apply (given, values)
    shouldEqual outputs.Length actual.Length

    List.zip outputs actual
    |> List.iteri (fun i (expected, actual) ->
        shouldBeClose $"output {i}" 1e-11 expected (floatsOn on actual))

    let weighted x =
        apply x
        |> List.map (fun y -> Tensor.sum (y * sines (dimsOf y) 1.0 0.9))
        |> List.reduce (+)

    let ofInputs, ofParameters = grad weighted (given, values)

    List.zip gradients (ofInputs @ ofParameters)
    |> List.iteri (fun i (expected, actual) ->
        shouldBeClose $"gradient {i}" 1e-11 expected (floatsOn on actual))
