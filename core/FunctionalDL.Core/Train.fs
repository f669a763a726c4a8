namespace FunctionalDL.Core

/// Items for one step. Inputs and targets may be several tensors each (a table has two inputs); their first
/// axis is the batch.
type Batch = {
    Inputs: Tensor list
    Targets: Tensor list
}

/// What is to be trained, and how.
[<NoComparison; NoEquality>]
type Training = {
    Model: Layer
    /// Targets and outputs to the mean loss of the batch, a scalar.
    Loss: Tensor list -> Tensor list -> Tensor
    Optimiser: Optimiser
    Metrics: Metric list
}

/// Everything that changes while a network is trained: an immutable value, so that a run can be kept,
/// repeated and resumed.
type State = {
    Variables: Variables
    Optimiser: OptimiserState
    /// The source of all randomness of the run; each step uses the child of its number.
    Key: Key
    /// Steps taken so far (int64).
    Step: Tensor
}

/// What a batch gave.
type Metrics = {
    /// The mean loss of the batch's items.
    Loss: Tensor
    /// For each metric, its sum over the batch's items.
    Sums: Map<string, Tensor>
}

/// Means over many batches.
type Report = {
    Loss: float
    Metrics: Map<string, float>
    /// How many items the means are over.
    Items: int
}

/// Training as functions of values.
[<RequireQualifiedAccess>]
module Train =

    let private only what (tensors: Tensor list) =
        match tensors with
        | [ x ] -> x
        | _ -> Fail.shape $"{what}: there are {tensors.Length}; a loss or metric of two tensors needs one"

    /// A loss of one target and one output, for networks with one of each.
    let lossOf (loss: Tensor -> Tensor -> Tensor) (targets: Tensor list) (outputs: Tensor list) =
        loss (only "targets" targets) (only "outputs" outputs)

    /// The first state for variables.
    let initWith (key: Key) (variables: Variables) (training: Training) : State = {
        Variables = variables
        Optimiser = Optimiser.init variables.Parameters training.Optimiser
        Key = Key.child "train" key
        Step = Tensor.ofInt64s [] [| 0L |]
    }

    /// The first state, with fresh parameters for inputs of these shapes (batch included).
    let init (key: Key) (shapes: Shape list) (training: Training) : State =
        initWith key (Layer.init (Key.child "init" key) shapes training.Model) training

    let private measure (training: Training) (batch: Batch) outputs =
        match training.Metrics with
        | [] -> Map.empty
        | metrics ->
            let target, output = only "targets" batch.Targets, only "outputs" outputs
            metrics |> List.map (fun m -> m.Name, m.Sum target output) |> Map.ofList

    /// One step of training: the loss of a batch, its gradients, and the optimiser's update of the
    /// parameters. Pure.
    let step (training: Training) (state: State) (batch: Batch) : State * Metrics =
        let loss parameters =
            let call = {
                Mode = Mode.Training
                Variables = {
                    state.Variables with
                        Parameters = parameters
                }
                Key = Key.at state.Step state.Key
            }

            let outputs, layerState = Layer.apply training.Model call batch.Inputs
            training.Loss batch.Targets outputs, (layerState, measure training batch outputs)

        let (loss, (layerState, sums)), gradients =
            valueAndGradWith loss state.Variables.Parameters

        let parameters, optimiser =
            training.Optimiser
            |> Optimiser.update gradients state.Optimiser state.Variables.Parameters

        {
            state with
                Variables = {
                    Parameters = parameters
                    State = layerState
                }
                Optimiser = optimiser
                Step = state.Step + 1
        },
        { Loss = loss; Sums = sums }

    /// Loss and metrics of a batch, in evaluation mode; nothing is trained. Pure.
    let evaluateBatch (training: Training) (variables: Variables) (batch: Batch) : Metrics =
        let call = {
            Mode = Mode.Evaluation
            Variables = variables
            Key = Key.ofSeed 0L
        }

        let outputs, _ = Layer.apply training.Model call batch.Inputs

        {
            Loss = training.Loss batch.Targets outputs
            Sums = measure training batch outputs
        }

    /// The items of a batch: the size of the first axis of its first input.
    let items (batch: Batch) = batch.Inputs.Head.Shape[0]

    /// Exact means over batches, of whatever sizes.
    let report (measured: (int * Metrics) seq) : Report =
        let measured = Seq.toList measured
        let items = measured |> List.sumBy fst
        // The sums are looked at together: one evaluation for each batch, not one for each number.
        let mean values = (List.sum values) / float (max 1 items)

        let names =
            measured
            |> List.collect (fun (_, m) -> m.Sums |> Map.keys |> List.ofSeq)
            |> List.distinct

        {
            Loss = measured |> List.map (fun (n, m) -> float n * Tensor.item m.Loss) |> mean
            Metrics =
                names
                |> List.map (fun name ->
                    name, measured |> List.map (fun (_, m) -> Tensor.item m.Sums[name]) |> mean)
                |> Map.ofList
            Items = items
        }

    /// Evaluation over batches with a function such as a compiled `evaluateBatch`.
    let evaluate
        (measure: Variables * Batch -> Metrics)
        (variables: Variables)
        (batches: Batch seq)
        : Report =
        batches
        |> Seq.map (fun batch -> items batch, measure (variables, batch))
        |> report

    /// One pass over batches with a function such as a compiled `step`: the state after the last, and the
    /// means over all.
    let epoch (step: State * Batch -> State * Metrics) (state: State) (batches: Batch seq) : State * Report =
        let folder (state, measured) batch =
            let state, metrics = step (state, batch)
            state, (items batch, metrics) :: measured

        let state, measured = Seq.fold folder (state, []) batches
        state, report (List.rev measured)
