/// What the tests of optimisers share: parameters, given gradients, and steps along them.
module FunctionalDL.Tests.Optim.OptimiserSupport

open FunctionalDL.Core
open FunctionalDL.Tests.Support

let vector (values: float list) = float64s [ values.Length ] values

let pair a b =
    Branch [ "a", Leaf(vector a); "b", Leaf(vector b) ]

/// Parameters of the tests: two tensors, so that what goes across tensors shows.
let parameters () = pair [ 1.0; -2.0; 0.5 ] [ 3.0; -0.25 ]

/// Gradients of step `t`, given and not computed, so that every optimiser meets the same ones.
let gradientsOf t =
    let wave phase count =
        List.init count (fun i -> 2.0 * cos (phase + float i + 0.7 * float t))

    pair (wave 0.3 3) (wave 1.9 2)

let flat on (tree: Tree<Tensor>) =
    Tree.leaves tree |> List.map (snd >> floatsOn on) |> Array.concat

/// The parameters after each of `count` steps, by a compiled step.
let steps on count (optimiser: Optimiser) =
    let step =
        Compile.on on (fun (gradients, state, parameters) ->
            Optimiser.update gradients state parameters optimiser)

    let folder (parameters, state) t =
        let parameters, state = step (gradientsOf t, state, parameters)
        flat on parameters, (parameters, state)

    let start = parameters (), Optimiser.init (parameters ()) optimiser
    [ 1..count ] |> List.mapFold folder start |> fst

let onCpu count optimiser = steps Cpu.engine count optimiser

let sameSteps name (expected: float[] list) (actual: float[] list) =
    List.iteri2 (fun i e a -> shouldBeClose $"{name}, step {i + 1}" 1e-14 e a) expected actual

/// All optimisers with a rate of 0.1.
let all: (string * Optimiser) list = [
    "sgd", Optimiser.sgd 0.1
    "momentum",
    Optimiser.sgdWith {
        SgdOptions.Default with
            Lr = 0.1
            Momentum = 0.9
    }
    "adam", Optimiser.adam 0.1
    "adamw", Optimiser.adamW 0.1
    "nadam", Optimiser.nadam 0.1
    "radam", Optimiser.radam 0.1
    "adamax", Optimiser.adamax 0.1
    "rmsprop", Optimiser.rmsProp 0.1
    "adagrad", Optimiser.adagrad 0.1
    "adadelta", Optimiser.adadelta 0.1
    "lamb", Optimiser.lamb 0.1
    "lars", Optimiser.lars 0.1
    "lion", Optimiser.lion 0.1
]

let noGradients () =
    parameters () |> Tree.map Tensor.zerosLike

/// One update from the first state.
let once on gradients (optimiser: Optimiser) =
    let p = parameters ()

    Optimiser.update gradients (Optimiser.init p optimiser) p optimiser
    |> fst
    |> flat on

let norm (x: float[]) =
    x |> Array.sumBy (fun v -> v * v) |> sqrt
