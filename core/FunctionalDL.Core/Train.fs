namespace FunctionalDL.Core

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
    /// Epochs that are over (int64). With the key it says in which order the items of an epoch come.
    Epoch: Tensor
    /// Batches of this epoch that are over (int64).
    Batch: Tensor
}

/// What a batch gave.
[<NoComparison; NoEquality>]
type Metrics = {
    /// The mean loss of the batch's items.
    Loss: Tensor
    /// What it adds to each metric, in the order of the training's metrics.
    Measured: Measured list
}

/// Means over many batches.
type Report = {
    Loss: float
    Metrics: Map<string, float>
    /// How many items the means are over.
    Items: int
}

/// How long and on what a network is trained.
[<NoComparison; NoEquality>]
type Fit = {
    Epochs: int
    Source: Source
    /// What the network is evaluated on after each epoch.
    Validation: Batch seq
    /// Schedules of hyper-parameters by name: one for all parameters, or one for those in no group and one for
    /// each group. Batch `k` of `n` in all has progress `k / n`.
    Schedules: (string * Schedule list) list
}

/// What an epoch gave.
type EpochReport = {
    /// Its number; the first is 0.
    Epoch: int
    /// Means over its batches, each before its step.
    Training: Report
    /// Means over the validation's items, after the epoch. Of 0 items when there are none.
    Validation: Report
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

    let private zero = Tensor.ofInt64s [] [| 0L |]

    /// The first state for variables.
    let initWith (key: Key) (variables: Variables) (training: Training) : State = {
        Variables = variables
        Optimiser = Optimiser.init variables.Parameters training.Optimiser
        Key = Key.child "train" key
        Step = zero
        Epoch = zero
        Batch = zero
    }

    let private initTyped key (inputs: TensorType list) (training: Training) : State =
        let start = {
            DType = DType.Float32
            Key = Key.child "init" key
        }

        initWith key (Layer.initWith start inputs training.Model) training

    /// The first state, with fresh float32 parameters for float32 inputs of these shapes (batch included).
    let init (key: Key) (shapes: Shape list) (training: Training) : State =
        initTyped key (shapes |> List.map (fun shape -> { DType = DType.Float32; Shape = shape })) training

    /// The first state, with fresh float32 parameters for inputs of the shapes and types of this batch's, such as the
    /// whole numbers of an embedding. It is `init` when these are float32; their values do not matter.
    let initFor (key: Key) (batch: Batch) (training: Training) : State =
        initTyped key (batch.Inputs |> List.map _.Node.Type) training

    let private requireNames (metrics: Metric list) =
        for name, group in metrics |> List.groupBy _.Name do
            if group.Length > 1 then
                Fail.option
                    $"train: '{name}' is the name of {group.Length} metrics; each needs its own, as in {{ metric with Name = … }}"

    let private measure (training: Training) (batch: Batch) outputs =
        match training.Metrics with
        | [] -> []
        | metrics ->
            requireNames metrics
            let target, output = only "targets" batch.Targets, only "outputs" outputs
            metrics |> List.map (fun metric -> Measured.ofBatch metric target output)

    /// The state after a step along these gradients, with the state that the layers came out of the batch with: the
    /// last part of `step`, for loops that look at what is before it. Pure.
    let advance (training: Training) layerState gradients (state: State) : State =
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
                Batch = state.Batch + 1
        }

    /// What the layers are given at the step of a state, with these parameters: training mode, and the step's key.
    let call (state: State) parameters : Call = {
        Mode = Mode.Training
        Variables = {
            state.Variables with
                Parameters = parameters
        }
        Key = Key.at state.Step state.Key
    }

    /// One step of training: the loss of a batch, its gradients, and the optimiser's update of the
    /// parameters. Pure.
    let step (training: Training) (state: State) (batch: Batch) : State * Metrics =
        let loss parameters =
            let outputs, layerState =
                Layer.apply training.Model (call state parameters) batch.Inputs

            training.Loss batch.Targets outputs, (layerState, measure training batch outputs)

        let (loss, (layerState, measured)), gradients =
            valueAndGradWith loss state.Variables.Parameters

        advance training layerState gradients state, { Loss = loss; Measured = measured }

    /// Loss and metrics of outputs for a batch. Pure.
    let judge (training: Training) (batch: Batch) (outputs: Tensor list) : Metrics = {
        Loss = training.Loss batch.Targets outputs
        Measured = measure training batch outputs
    }

    /// Loss and metrics of a batch, in evaluation mode; nothing is trained. Pure.
    let evaluateBatch (training: Training) (variables: Variables) (batch: Batch) : Metrics =
        let call = {
            Mode = Mode.Evaluation
            Variables = variables
            Key = Key.ofSeed 0L
        }

        Layer.apply training.Model call batch.Inputs |> fst |> judge training batch

    /// The items of a batch: the size of the first axis of its first input.
    let items (batch: Batch) = batch.Inputs.Head.Shape[0]

    /// Exact figures of all items, whatever the sizes of their batches: the mean loss, and each metric of what the
    /// batches add up to. Names are those of `Measured.named`.
    let report (measured: (int * Metrics) seq) : Report =
        let measured = Seq.toList measured
        let items = List.sumBy fst measured
        let loss = measured |> List.sumBy (fun (n, m) -> float n * Tensor.item m.Loss)

        let figures =
            measured
            |> List.map (fun (_, m) -> m.Measured)
            |> List.transpose
            |> List.collect (Measured.total >> Measured.named)

        {
            Loss = loss / float (max 1 items)
            Metrics = Map.ofList figures
            Items = items
        }

    /// Plain means of the batches' own figures, in which an item of a small batch weighs more: what fastai's lesson
    /// prints. Equal to `report` for batches of one size, but for figures that are no means over items.
    let reportOfBatchMeans (measured: (int * Metrics) seq) : Report =
        let measured = Seq.toList measured

        let mean values =
            if List.isEmpty values then 0.0 else List.average values

        let figures =
            measured
            |> List.collect (fun (_, m) -> List.collect Measured.named m.Measured)
            |> List.groupBy fst
            |> List.map (fun (name, values) -> name, mean (List.map snd values))

        {
            Loss = mean (measured |> List.map (fun (_, m) -> Tensor.item m.Loss))
            Metrics = Map.ofList figures
            Items = List.sumBy fst measured
        }

    /// What each batch gives, with its number of items, by a function such as a compiled `evaluateBatch`.
    let measurements
        (measure: Variables * Batch -> Metrics)
        (variables: Variables)
        (batches: Batch seq)
        : (int * Metrics) seq =
        batches |> Seq.map (fun batch -> items batch, measure (variables, batch))

    /// Evaluation over batches with a function such as a compiled `evaluateBatch`.
    let evaluate
        (measure: Variables * Batch -> Metrics)
        (variables: Variables)
        (batches: Batch seq)
        : Report =
        measurements measure variables batches |> report

    /// The state at the start of the next epoch.
    let endEpoch (state: State) : State = {
        state with
            Epoch = state.Epoch + 1
            Batch = zero
    }

    /// One epoch over these batches with a function such as a compiled `step`: the state after the last, and the
    /// means over all.
    let epoch (step: State * Batch -> State * Metrics) (state: State) (batches: Batch seq) : State * Report =
        let folder (state, measured) batch =
            let state, metrics = step (state, batch)
            state, (items batch, metrics) :: measured

        let state, measured = Seq.fold folder (state, []) batches
        endEpoch state, report (List.rev measured)

    let private position (state: State) =
        int (Tensor.item state.Epoch), int (Tensor.item state.Batch)

    /// The key of the order of the items in the epoch of this number.
    let private orderKey epoch (state: State) =
        Key.child "order" state.Key |> Key.at (Tensor.ofInt64s [] [| int64 epoch |])

    let private scheduled (fit: Fit) progress (state: State) =
        let set optimiser (name, schedules: Schedule list) =
            Optimiser.withHypers name (schedules |> List.map (fun schedule -> schedule progress)) optimiser

        {
            state with
                Optimiser = List.fold set state.Optimiser fit.Schedules
        }

    /// The states and measures after each batch that is left of the state's epoch.
    let private restOfEpoch step (fit: Fit) (state: State) : (State * (int * Metrics)) seq =
        let epoch, first = position state
        let count = fit.Source.Count

        let one (state, _) (number, batch: Batch) =
            let progress = float (epoch * count + number) / float (fit.Epochs * count)
            let next, metrics = step (scheduled fit progress state, batch)
            (if number + 1 = count then endEpoch next else next), Some(items batch, metrics)

        fit.Source.From (orderKey epoch state) first
        |> Seq.mapi (fun i batch -> first + i, batch)
        |> Seq.scan one (state, None)
        |> Seq.choose (fun (state, measured) -> measured |> Option.map (fun m -> state, m))

    let private checkFit (fit: Fit) =
        if fit.Source.Count < 1 then
            Fail.option "fit: there are no batches; is the batch larger than all items, with DropLast?"

    /// All states from this one, which need not be at the start of an epoch, to the end of the fit: after each
    /// batch, with what the batch gave. Nothing is computed until it is asked for, so that a run can be watched,
    /// saved and left anywhere. With a `Compile.step` each state is there until the next is asked for.
    let rec states
        (step: State * Batch -> State * Metrics)
        (fit: Fit)
        (state: State)
        : (State * Metrics) seq =
        checkFit fit

        seq {
            if fst (position state) < fit.Epochs then
                let mutable last = state

                for next, (_, metrics) in restOfEpoch step fit state do
                    last <- next
                    yield next, metrics

                yield! states step fit last
        }

    /// Trains to the end of the fit, with functions such as a `Compile.step` of `step` and a compiled `evaluateBatch`:
    /// the last state, and a report of each epoch. A state from the middle of an epoch goes on there, with the
    /// same bits as an unbroken run; the first report is then over the rest of its epoch. Raises OptionException
    /// for schedules of hyper-parameters that the optimiser does not have.
    let fit
        (step: State * Batch -> State * Metrics)
        (measure: Variables * Batch -> Metrics)
        (fit: Fit)
        (state: State)
        : State * EpochReport list =
        checkFit fit

        let one state epoch =
            let folder (_, measured) (state, batch) = state, batch :: measured
            let state, measured = restOfEpoch step fit state |> Seq.fold folder (state, [])

            {
                Epoch = epoch
                Training = report (List.rev measured)
                Validation = evaluate measure state.Variables fit.Validation
            },
            state

        let reports, state =
            [ fst (position state) .. fit.Epochs - 1 ] |> List.mapFold one state

        state, reports
