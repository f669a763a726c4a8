/// Notebook 03's training loops and models as functions: each way to write them gives the golden trace (lessons.md,
/// sections 1.6, G-1, and 2; rows 39 and 40).
module FunctionalDL.Tests.Lessons.LoopTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Lessons.Mnist
open FunctionalDL.Tests.Lessons.Golden

let private rate = 0.5

/// A way to train: it takes the network's variables through batches, and gives them and each batch's loss.
type private Loop = Variables -> Batch seq -> Variables * Tensor list

let private lossOf (variables: Variables) (batch: Batch) parameters =
    Layer.predict
        training.Model
        {
            variables with
                Parameters = parameters
        }
        batch.Inputs.Head
    |> Loss.crossEntropy batch.Targets.Head

/// A step on parameters as a loop over batches.
let private looping (step: Variables -> Batch -> Variables * Tensor) : Loop =
    let compiled =
        Compile.on Cpu.engine (fun (variables, batch) -> step variables batch)

    fun variables batches ->
        let losses, last =
            batches
            |> Seq.toList
            |> List.mapFold
                (fun variables batch ->
                    let next, loss = compiled (variables, batch)
                    loss, next)
                variables

        last, losses

let private stepBy
    (update: Layer -> Tree<Tensor> -> Tree<Tensor> -> Tree<Tensor>)
    (variables: Variables)
    batch
    =
    let loss, gradients = valueAndGrad (lossOf variables batch) variables.Parameters

    {
        variables with
            Parameters = update training.Model variables.Parameters gradients
    },
    loss

/// Loop 1: layer by layer; those without a weight are skipped.
let private byLayers: Loop =
    let ofLayer layer (parameters: Tree<Tensor>) (gradients: Tree<Tensor>) =
        match layer with
        | Linear _ ->
            let moved name =
                Tree.find name parameters - rate * Tree.find name gradients

            Branch [ "weight", Leaf(moved "weight"); "bias", Leaf(moved "bias") ]
        | _ -> parameters

    looping (
        stepBy (fun model parameters gradients ->
            Branch [
                for name, layer in Layer.children model ->
                    name, ofLayer layer (Tree.child name parameters) (Tree.child name gradients)
            ])
    )

/// Loop 2: all parameters alike.
let private byParameters: Loop =
    looping (
        stepBy (fun _ parameters gradients ->
            Tree.map2 (fun (p: Tensor) (g: Tensor) -> p - rate * g) parameters gradients)
    )

/// Loop 3: an optimiser of one's own.
let private byOwnOptimiser: Loop =
    let descend =
        Transformation.onParameter "descend" [ "lr" ] (fun turn p g -> p - turn["lr"] * g)

    let optimiser = Optimiser.create [ "lr", rate ] [ descend ]

    looping (
        stepBy (fun _ parameters gradients ->
            optimiser
            |> Optimiser.update gradients (Optimiser.init parameters optimiser) parameters
            |> fst)
    )

/// Loop 4: the library's.
let private byLibrary: Loop =
    let step =
        Compile.on Cpu.engine (fun (state, batch) -> Train.step training state batch)

    fun variables batches ->
        let losses, last =
            batches
            |> Seq.toList
            |> List.mapFold
                (fun state batch ->
                    let next, metrics = step (state, batch)
                    metrics.Loss, next)
                (Train.initWith (Key.ofSeed 0L) variables training)

        last.Variables, losses

let private loops: (string * Loop) list = [
    "by layers", byLayers
    "by parameters", byParameters
    "own optimiser", byOwnOptimiser
    "the library's", byLibrary
]

/// The golden places up to `steps`, one after the other from the one before.
let private shouldFollowTrace what (loop: Loop) dtype steps =
    let places = trace |> List.filter (fun (place, _, _, _) -> place <= steps)

    ((0, variables dtype), places)
    ||> List.fold (fun (done', variables) (place, loss, validLoss, accuracy) ->
        let part = batches dtype |> Seq.skip done' |> Seq.truncate (place - done')
        let next, losses = loop variables part
        let found = measure dtype next trainCount validCount

        if dtype = DType.Float64 then
            shouldPrint $"{what}: loss before step {place}" 6 loss (Tensor.item (List.last losses))
            shouldPrint $"{what}: validation loss after step {place}" 6 validLoss found.Loss
            shouldPrint $"{what}: accuracy after step {place}" 4 accuracy found.Metrics["accuracy"]
        else
            let tolerance = if place <= 400 then 1e-5 else 1e-4

            shouldBeClose $"{what}: loss before step {place}" tolerance [| loss |] [|
                Tensor.item (List.last losses)
            |]

            shouldBeClose $"{what}: validation loss after step {place}" tolerance [| validLoss |] [|
                found.Loss
            |]

        place, next)
    |> snd

[<Test; Category("Slow")>]
let ``four training loops have the golden trace in float64, and end with the same parameters (row 39)`` () =
    let ends =
        loops
        |> List.map (fun (name, loop) -> name, shouldFollowTrace name loop DType.Float64 782)

    let _, first = ends.Head

    for name, last in ends.Tail do
        for (path, expected), (_, actual) in
            List.zip (Tree.leaves first.Parameters) (Tree.leaves last.Parameters) do
            // One unit in the last place of a step at most: rates are constants of one loop and inputs of another.
            shouldBeClose $"{name}: {path}" 1e-12 (Tensor.toFloats expected) (Tensor.toFloats actual)

[<Test; Category("Slow")>]
let ``four training loops keep to the golden trace in float32 (row 39)`` () =
    for name, loop in loops do
        shouldFollowTrace name loop DType.Float32 782 |> ignore

// ---- models ------------------------------------------------------------------------------------------------------

/// A network as a function: the linear layers' weights and biases, then a batch, to outputs.
type private Network = (Tensor * Tensor) list -> Tensor -> Tensor

let private linear (weight, bias) x = Tensor.linear weight (Some bias) x

/// The layers' variables under these names, with nothing for ReLU between them.
let private named first second third (layers: (Tensor * Tensor) list) : Variables =
    let ofLinear (weight, bias) =
        Branch [ "weight", Leaf weight; "bias", Leaf bias ]

    {
        Parameters = Branch [ first, ofLinear layers[0]; second, Tree.empty; third, ofLinear layers[1] ]
        State = Branch [ first, Tree.empty; second, Tree.empty; third, Tree.empty ]
    }

/// What model 3 is made of.
type private Parts = {
    L1: Tensor * Tensor
    L2: Tensor * Tensor
}

let private models: (string * Network) list =
    let library = [ Layer.linear pixels 50; ReLU; Layer.linear 50 classes ]

    [
        // A plain list of functions.
        "1: a list", fun w x -> List.fold (fun x layer -> layer x) x [ linear w[0]; Tensor.relu; linear w[1] ]
        // Layers with names, ReLU a function between them.
        "2: names",
        fun w x ->
            let l1, l2 = linear w[0], linear w[1]
            l2 (Tensor.relu (l1 x))
        // A record of what has parameters.
        "3: a record",
        fun w x ->
            let parts = { L1 = w[0]; L2 = w[1] }
            linear parts.L2 (Tensor.relu (linear parts.L1 x))
        // Each layer under a name made from its number.
        "4: numbered names",
        fun w x ->
            let model = Sequential(library |> List.mapi (fun i layer -> $"layer_{i}", layer))
            Layer.predict model (named "layer_0" "layer_1" "layer_2" w) x
        // A list of layers that is gone through by hand.
        "5: a list of layers",
        fun w x ->
            let all = named "0" "1" "2" w

            (x, List.indexed library)
            ||> List.fold (fun x (i, layer) ->
                Layer.predict
                    layer
                    {
                        Parameters = Tree.child (string i) all.Parameters
                        State = Tree.empty
                    }
                    x)
        "6: sequential", fun w x -> Layer.predict (Layer.sequential library) (named "0" "1" "2" w) x
    ]

let private layersOf (variables: Variables) =
    [ "0"; "2" ]
    |> List.map (fun name ->
        Tree.find $"{name}.weight" variables.Parameters, Tree.find $"{name}.bias" variables.Parameters)

[<Test>]
let ``six ways to write the model have the golden trace from the same weights (row 40)`` () =
    for name, network in models do
        let step =
            Compile.on Cpu.engine (fun (layers: (Tensor * Tensor) list, batch: Batch) ->
                let loss layers =
                    network layers batch.Inputs.Head |> Loss.crossEntropy batch.Targets.Head

                let value, gradients = valueAndGrad loss layers

                List.map2
                    (fun (w: Tensor, b: Tensor) (dw: Tensor, db: Tensor) -> w - rate * dw, b - rate * db)
                    layers
                    gradients,
                value)

        let loop: Loop =
            fun variables batches ->
                let losses, last =
                    batches
                    |> Seq.toList
                    |> List.mapFold
                        (fun layers batch ->
                            let next, loss = step (layers, batch)
                            loss, next)
                        (layersOf variables)

                named "0" "1" "2" last, losses

        shouldFollowTrace name loop DType.Float64 50 |> ignore
