namespace FunctionalDL.Core

open FunctionalDL.Kernels
open FunctionalDL.Core.Planning

/// A layer of a network, before there are any numbers.
[<NoComparison>]
type LayerReport = {
    /// Where it is, such as `body.0`; empty for a network of one layer.
    Path: string
    Layer: Layer
    Inputs: TensorType list
    Outputs: TensorType list
    /// How many numbers are trained in it.
    Parameters: int
}

/// The bytes that one step of training takes on the processor, all of them at the same time.
type MemoryReport = {
    /// Parameters, state of layers and optimiser, and the batch.
    Given: int64
    /// All that is computed on the way and forgotten.
    Intermediate: int64
    /// The next state, the loss and the metrics.
    Results: int64
} with

    member this.Total = this.Given + this.Intermediate + this.Results

/// A network before it is trained: whether its layers meet, what they hold, and what training takes. Nothing is
/// allocated for its parameters or its batch.
[<RequireQualifiedAccess>]
module Model =

    let private symbols (types: TensorType list) =
        types |> List.map (fun t -> Tensor(Graph.symbol "input" t))

    let private count tree =
        Tree.leaves tree |> List.sumBy (fun (_, t: Tensor) -> t.Shape.Size)

    /// Each layer in the order in which it is applied in training, for inputs of these types (the batch
    /// included). Raises ShapeException, DTypeException or OptionException for the first that does not fit,
    /// with its path, what it was given, and what it needs.
    let check (inputs: TensorType list) (model: Layer) : LayerReport list =
        let key = Key.ofSeed 0L
        let start = { DType = DType.Float32; Key = key }

        let call = {
            Mode = Mode.Training
            Variables = Layer.initWith start inputs model
            Key = key
        }

        let types (tensors: Tensor list) = tensors |> List.map _.Node.Type

        Layer.trace model call (symbols inputs)
        |> List.map (fun traced -> {
            Path = traced.Path
            Layer = traced.Layer
            Inputs = types traced.Inputs
            Outputs = types traced.Outputs
            Parameters = count traced.Variables.Parameters
        })

    /// How many numbers are trained in all of it.
    let parameters (reports: LayerReport list) = reports |> List.sumBy _.Parameters

    /// The bytes of a step of training with inputs and targets of these types, from the plan of the step
    /// itself. Raises as `check` does.
    let memory (training: Training) (inputs: TensorType list) (targets: TensorType list) : MemoryReport =
        let key = Key.ofSeed 0L
        let start = { DType = DType.Float32; Key = key }

        let state = Train.initWith key (Layer.initWith start inputs training.Model) training

        let batch = {
            Inputs = symbols inputs
            Targets = symbols targets
        }

        let program =
            Compile.program (fun (state, batch) -> Train.step training state batch) (state, batch)

        let plan = Plan.ofProgram program
        let taken = Array.sumBy MemoryPool.BytesTaken

        let bytes (t: TensorType) =
            int64 t.Shape.Size * int64 (DType.size t.DType)

        let results =
            plan.Buffers
            |> Array.choose (fun buffer ->
                match buffer with
                | Buffer.Result bytes -> Some bytes
                | Buffer.Input _
                | Buffer.Literals
                | Buffer.Counting _
                | Buffer.Local
                | Buffer.Arena _ -> None)

        {
            Given = taken (Array.map bytes program.Inputs)
            Intermediate = taken [| plan.ArenaBytes |]
            Results = taken results
        }
