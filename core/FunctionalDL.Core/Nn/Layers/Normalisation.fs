namespace FunctionalDL.Core

/// Batch normalisation of `[batch; channels; …]`, for any number of spatial axes. Parameters `weight` (1 at
/// first) and `bias` (0); state `running_mean` (0 at first), `running_var` (1) and `num_batches_tracked`. S.
/// Ioffe, C. Szegedy, "Batch normalization", ICML 2015.
type BatchNormSpec = {
    NumFeatures: int
    /// What is added to the variance.
    Eps: float
    /// The weight of the newest batch in the running statistics; None makes them the mean of all batches. It
    /// does not touch what comes out in training, which has the batch's own statistics.
    Momentum: float option
    /// Whether there is a weight and a bias.
    Affine: bool
    /// Whether statistics are kept for evaluation; without them the batch's own serve there too.
    TrackRunningStats: bool
}

/// Normalisation over the last axes, which have these sizes, as `weight` and `bias` have.
type LayerNormSpec = {
    NormalizedShape: int list
    Eps: float
    /// Whether there is a weight and a bias.
    ElementwiseAffine: bool
}

/// Normalisation of groups of channels of each item.
type GroupNormSpec = {
    NumGroups: int
    NumChannels: int
    Eps: float
    /// Whether there is a weight and a bias, one for each channel.
    Affine: bool
}

/// Normalisation layers.
[<RequireQualifiedAccess>]
module internal NormalisationLayers =

    let private affine (start: Start) isAffine shape =
        Part.parameters [
            if isAffine then
                "weight", Part.ones start shape
                "bias", Part.zeros start shape
        ]

    let private weightAndBias isAffine call =
        struct (Part.parameterIf isAffine "weight" call, Part.parameterIf isAffine "bias" call)

    // ---- with running statistics ----------------------------------------

    let initBatch operation (start: Start) (spec: BatchNormSpec) =
        let channels = [ spec.NumFeatures ]
        Part.requirePositive operation [ "features", spec.NumFeatures ]

        {
            affine start spec.Affine channels with
                State =
                    Tree.ofLeaves [
                        if spec.TrackRunningStats then
                            "running_mean", Part.zeros start channels
                            "running_var", Part.ones start channels
                            "num_batches_tracked", Tensor.full DType.Int64 [] 0.0
                    ]
        }

    let private running (call: Call) = {
        Mean = Tree.find "running_mean" call.Variables.State
        Variance = Tree.find "running_var" call.Variables.State
    }

    /// The state after a batch, whose own statistics are `newest` for a momentum of 1.
    let private tracked (spec: BatchNormSpec) (call: Call) (follow: float -> Tensor * RunningStatistics) =
        let batches = Tree.find "num_batches_tracked" call.Variables.State + 1

        let y, running =
            match spec.Momentum with
            | Some momentum -> follow momentum
            | None ->
                let old = running call
                let y, newest = follow 1.0
                let share = 1.0 / Tensor.cast old.Mean.DType batches

                let mix old newest =
                    Tensor.stopGradient old + share * (newest - Tensor.stopGradient old)

                y,
                {
                    Mean = mix old.Mean newest.Mean
                    Variance = mix old.Variance newest.Variance
                }

        y,
        Tree.ofLeaves [
            "running_mean", running.Mean
            "running_var", running.Variance
            "num_batches_tracked", batches
        ]

    let private requireFeatures operation (spec: BatchNormSpec) (x: Tensor) =
        if x.Rank >= 2 && x.Shape[1] <> spec.NumFeatures then
            Fail.shape
                $"{operation}: the input {x.Shape} has {x.Shape[1]} channels (axis 1); the layer has {spec.NumFeatures}"

    let applyBatch (spec: BatchNormSpec) (call: Call) (x: Tensor) =
        requireFeatures "batchNorm" spec x
        let struct (weight, bias) = weightAndBias spec.Affine call
        let state = call.Variables.State

        match call.Mode, spec.TrackRunningStats with
        | Mode.Training, true ->
            tracked spec call (fun momentum ->
                Norm.batchNormTraining { Eps = spec.Eps; Momentum = momentum } weight bias (running call) x)
        | Mode.Evaluation, true -> Norm.batchNormEvaluation spec.Eps weight bias (running call) x, state
        | _, false -> Norm.batchNorm spec.Eps weight bias x, state

    /// Normalises each item as a batch of its own: the running statistics are means over the items.
    let applyInstance (spec: BatchNormSpec) (call: Call) (x: Tensor) =
        requireFeatures "instanceNorm" spec x
        let struct (weight, bias) = weightAndBias spec.Affine call

        match call.Mode, spec.TrackRunningStats with
        | Mode.Training, true ->
            let y = Norm.instanceNorm spec.Eps weight bias x
            let items, channels = x.Shape[0], spec.NumFeatures

            // Items and channels as one axis of channels.
            let asOne = Tensor.reshape [ 1; items * channels; yield! x.Shape.ToArray()[2..] ] x

            let spread (values: Tensor) =
                Tensor.reshape [ -1 ] (Tensor.expand [ items; channels ] values)

            let gather (values: Tensor) =
                Tensor.meanAxes [ 0 ] (Tensor.reshape [ items; channels ] values)

            let old = running call

            let follow momentum =
                let options = { Eps = spec.Eps; Momentum = momentum }

                let _, newest =
                    Norm.batchNormTraining
                        options
                        None
                        None
                        {
                            Mean = spread old.Mean
                            Variance = spread old.Variance
                        }
                        asOne

                y,
                {
                    Mean = gather newest.Mean
                    Variance = gather newest.Variance
                }

            let y, state = tracked spec call follow

            // PyTorch's instance norm does not count batches, which only a mean over all of them needs.
            let state =
                match spec.Momentum with
                | Some _ ->
                    Tree.set
                        "num_batches_tracked"
                        (Tree.find "num_batches_tracked" call.Variables.State)
                        state
                | None -> state

            y, state
        | Mode.Evaluation, true ->
            Norm.batchNormEvaluation spec.Eps weight bias (running call) x, call.Variables.State
        | _, false -> Norm.instanceNorm spec.Eps weight bias x, call.Variables.State

    // ---- without state ----------------------------------------

    let initLayer (start: Start) (spec: LayerNormSpec) =
        for size in spec.NormalizedShape do
            Part.requirePositive "layerNorm" [ "places of an axis", size ]

        affine start spec.ElementwiseAffine spec.NormalizedShape

    let applyLayer (spec: LayerNormSpec) call x =
        let struct (weight, bias) = weightAndBias spec.ElementwiseAffine call
        Norm.layerNorm spec.NormalizedShape spec.Eps weight bias x

    let initGroup (start: Start) (spec: GroupNormSpec) =
        Part.requirePositive "groupNorm" [ "groups", spec.NumGroups; "channels", spec.NumChannels ]

        if spec.NumChannels % spec.NumGroups <> 0 then
            Fail.option $"groupNorm: {spec.NumChannels} channels do not divide into {spec.NumGroups} groups"

        affine start spec.Affine [ spec.NumChannels ]

    let applyGroup (spec: GroupNormSpec) call (x: Tensor) =
        if x.Rank >= 2 && x.Shape[1] <> spec.NumChannels then
            Fail.shape
                $"groupNorm: the input {x.Shape} has {x.Shape[1]} channels (axis 1); the layer has {spec.NumChannels}"

        let struct (weight, bias) = weightAndBias spec.Affine call
        Norm.groupNorm spec.NumGroups spec.Eps weight bias x
