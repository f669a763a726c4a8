namespace FunctionalDL.Core

/// Parameters with hyper-parameters of their own.
[<NoComparison; NoEquality>]
type ParameterGroup = {
    /// Whether the parameter at this path belongs to the group.
    Has: string -> bool
    /// Where the group differs from the rest.
    Hyper: (string * float) list
}

/// How parameters move, as a value.
[<NoComparison; NoEquality>]
type Optimiser = {
    /// First hyper-parameters, by PyTorch's names.
    Hyper: (string * float) list
    /// A parameter belongs to the first group that has it; one in no group has the optimiser's own
    /// hyper-parameters.
    Groups: ParameterGroup list
    /// What happens to parameters and gradients, in order.
    Transformations: Transformation list
    /// Parameters move once in so many updates, by the mean of their gradients.
    Every: int
}

/// What an optimiser remembers. Hyper-parameters are values of the state: changing them compiles nothing anew.
type OptimiserState = {
    /// How often the parameters have moved (int64).
    Step: Tensor
    /// Hyper-parameters (float64) of the parameters in no group, then of each group.
    Hypers: Map<string, Tensor> list
    /// The memory of the transformations, by their names.
    Slots: Tree<Tensor>
}

/// Optimisers as values: `init` for parameters, `update` for a step. Each is made by a function of its learning
/// rate, or of all its options, and can then be changed: clipped, grouped, averaged.
[<RequireQualifiedAccess>]
module Optimiser =

    // ---- making ----------------------------------------

    let private unique what (names: string list) =
        match names |> List.countBy id |> List.tryFind (fun (_, n) -> n > 1) with
        | Some(name, _) -> Fail.option $"{name}: an optimiser has only one {what} of this name"
        | None -> ()

    let private checkValues (hyper: (string * float) list) =
        for name, value in hyper do
            Hyper.check name value

    /// An optimiser of transformations with these first hyper-parameters. Raises OptionException for a value out
    /// of range, a name that comes twice, or a transformation that reads a hyper-parameter which is not there.
    let create (hyper: (string * float) list) (transformations: Transformation list) : Optimiser =
        let names = hyper |> List.map fst
        unique "hyper-parameter" names
        unique "transformation" (transformations |> List.map _.Name)
        checkValues hyper

        for t in transformations do
            match t.Hyper |> List.tryFind (fun name -> not (List.contains name names)) with
            | Some name -> Fail.option $"{t.Name}: it reads '{name}', which is not among the hyper-parameters"
            | None -> ()

        {
            Hyper = hyper
            Groups = []
            Transformations = transformations
            Every = 1
        }

    /// Stochastic gradient descent. Raises OptionException for options out of range, and for Nesterov without
    /// momentum or with dampening.
    let sgdWith (options: SgdOptions) = Sgd.recipe options ||> create

    /// Plain stochastic gradient descent: `p <- p - lr · g`.
    let sgd lr =
        sgdWith { SgdOptions.Default with Lr = lr }

    /// Adam, AMSGrad with `Amsgrad`. Raises OptionException for options out of range, as all below.
    let adamWith (options: AdamOptions) = Adam.recipe options ||> create

    /// Adam with PyTorch's defaults.
    let adam lr =
        adamWith { AdamOptions.Default with Lr = lr }

    /// Adam with decoupled weight decay.
    let adamWWith (options: AdamOptions) = Adam.recipeW options ||> create

    /// AdamW with PyTorch's defaults.
    let adamW lr =
        adamWWith { AdamOptions.DefaultW with Lr = lr }

    /// NAdam.
    let nadamWith (options: NAdamOptions) = NAdam.recipe options ||> create

    /// NAdam with PyTorch's defaults.
    let nadam lr =
        nadamWith { NAdamOptions.Default with Lr = lr }

    /// RAdam.
    let radamWith (options: RAdamOptions) = RAdam.recipe options ||> create

    /// RAdam with PyTorch's defaults.
    let radam lr =
        radamWith { RAdamOptions.Default with Lr = lr }

    /// Adamax.
    let adamaxWith (options: AdamaxOptions) = Adamax.recipe options ||> create

    /// Adamax with PyTorch's defaults.
    let adamax lr =
        adamaxWith { AdamaxOptions.Default with Lr = lr }

    /// RMSprop.
    let rmsPropWith (options: RmsPropOptions) = RmsProp.recipe options ||> create

    /// RMSprop with PyTorch's defaults.
    let rmsProp lr =
        rmsPropWith { RmsPropOptions.Default with Lr = lr }

    /// Adagrad.
    let adagradWith (options: AdagradOptions) = Adagrad.recipe options ||> create

    /// Adagrad with PyTorch's defaults.
    let adagrad lr =
        adagradWith { AdagradOptions.Default with Lr = lr }

    /// Adadelta.
    let adadeltaWith (options: AdadeltaOptions) = Adadelta.recipe options ||> create

    /// Adadelta with PyTorch's defaults.
    let adadelta lr =
        adadeltaWith { AdadeltaOptions.Default with Lr = lr }

    /// LAMB.
    let lambWith (options: LambOptions) = Lamb.recipe options ||> create

    /// LAMB with the paper's defaults.
    let lamb lr =
        lambWith { LambOptions.Default with Lr = lr }

    /// LARS.
    let larsWith (options: LarsOptions) = Lars.recipe options ||> create

    /// LARS with the paper's defaults.
    let lars lr =
        larsWith { LarsOptions.Default with Lr = lr }

    /// Lion.
    let lionWith (options: LionOptions) = Lion.recipe options ||> create

    /// Lion with the paper's defaults.
    let lion lr =
        lionWith { LionOptions.Default with Lr = lr }

    // ---- changing ----------------------------------------

    let private rebuilt (optimiser: Optimiser) hyper transformations = {
        create hyper transformations with
            Groups = optimiser.Groups
            Every = optimiser.Every
    }

    /// The optimiser with a transformation before its others, and the hyper-parameters that it adds.
    let first (transformation: Transformation) hyper (optimiser: Optimiser) =
        rebuilt optimiser (optimiser.Hyper @ hyper) (transformation :: optimiser.Transformations)

    /// The optimiser with a transformation after its others, and the hyper-parameters that it adds.
    let last (transformation: Transformation) hyper (optimiser: Optimiser) =
        rebuilt optimiser (optimiser.Hyper @ hyper) (optimiser.Transformations @ [ transformation ])

    /// Cuts each element of the gradients to ±`value` first.
    let clipValue (value: float) optimiser =
        first Steps.clipValue [ "clip_value", value ] optimiser

    /// Shortens the gradients together to the length `maxNorm` first, where they are longer.
    let clipNorm (maxNorm: float) optimiser =
        first Steps.clipNorm [ "max_norm", maxNorm ] optimiser

    /// The optimiser with decoupled ("true") weight decay in place of its own: `p <- p · (1 - lr · weightDecay)`
    /// before the step.
    let decoupledDecay (weightDecay: float) (optimiser: Optimiser) =
        let isDecay (t: Transformation) = t.Switch = Some "weight_decay"

        let others =
            optimiser.Hyper |> List.filter (fun (name, _) -> name <> "weight_decay")

        rebuilt
            optimiser
            (others @ [ "weight_decay", weightDecay ])
            (Steps.decay :: (optimiser.Transformations |> List.filter (isDecay >> not)))

    /// Look-ahead around the optimiser: every `k` steps back to `alpha` of the way. Raises OptionException for a
    /// `k` below 1 or an `alpha` outside [0, 1].
    let lookahead k (alpha: float) optimiser =
        last (Averages.lookahead k) [ "lookahead_alpha", alpha ] optimiser

    /// The optimiser with an exponential mean of its parameters beside them; `average` reads it.
    let ema (decay: float) optimiser =
        last Averages.ema [ "ema_decay", decay ] optimiser

    /// Parameters move once in `every` updates, by the mean of their gradients: batches of `every` times the
    /// size. Raises OptionException for less than 1.
    let accumulate (every: int) (optimiser: Optimiser) =
        if every < 1 then
            Fail.option $"accumulate: {every} is not possible; it is 1 or more"

        { optimiser with Every = every }

    let private known (hyper: string seq) name =
        if not (Seq.contains name hyper) then
            let names = hyper |> String.concat ", "

            Fail.option
                $"{name}: this optimiser has no such hyper-parameter; it has {names} (one that was 0 when the optimiser was made is left out)"

    /// The optimiser with hyper-parameters of their own for the parameters whose path satisfies `has`. The first
    /// group that has a parameter counts. Raises OptionException for a name that the optimiser does not have or
    /// a value out of range.
    let group (has: string -> bool) (hyper: (string * float) list) (optimiser: Optimiser) : Optimiser =
        hyper |> List.iter (fst >> known (List.map fst optimiser.Hyper))
        checkValues hyper

        {
            optimiser with
                Groups = optimiser.Groups @ [ { Has = has; Hyper = hyper } ]
        }

    // ---- hyper-parameters ----------------------------------------

    /// The first hyper-parameters of the parameters in no group, then of each group.
    let private firstValues (optimiser: Optimiser) =
        let own = Map.ofList optimiser.Hyper

        own
        :: (optimiser.Groups
            |> List.map (fun group ->
                group.Hyper
                |> List.fold (fun (values: Map<string, float>) (name, value) -> values.Add(name, value)) own))

    /// The transformations that are not switched off.
    let private active (optimiser: Optimiser) =
        let values = firstValues optimiser

        optimiser.Transformations
        |> List.filter (fun t ->
            match t.Switch with
            | Some name -> values |> List.exists (fun group -> group[name] <> 0.0)
            | None -> true)

    // Stored, not a constant to be computed: it is an input of the compiled step.
    let private value (number: float) = Tensor.ofFloats [] [| number |]

    /// The state with a hyper-parameter changed: `values` has one number for all parameters, or one for those in
    /// no group and one for each group. What the optimiser remembers is kept, and nothing is compiled anew.
    /// Raises OptionException for a name that the optimiser does not have, a value out of range, or another
    /// number of values.
    let withHypers name (values: float list) (state: OptimiserState) : OptimiserState =
        known state.Hypers.Head.Keys name
        values |> List.iter (Hyper.check name)

        let values =
            match values with
            | [ one ] -> List.replicate state.Hypers.Length one
            | several when several.Length = state.Hypers.Length -> several
            | several ->
                Fail.option
                    $"{name}: {several.Length} values for {state.Hypers.Length} groups (the first is of the parameters in no group); give one, or one for each"

        {
            state with
                Hypers =
                    List.map2 (fun (group: Map<string, _>) x -> group.Add(name, value x)) state.Hypers values
        }

    /// The state with a hyper-parameter changed for all parameters. Raises OptionException as `withHypers` does.
    let withHyper name (value: float) state = withHypers name [ value ] state

    /// The hyper-parameter that says how much of past gradients goes on: `momentum`, or `beta1` where there is
    /// none. Raises OptionException for an optimiser with neither.
    let momentumName (optimiser: Optimiser) =
        let names = (active optimiser) |> List.collect _.Hyper

        match [ "momentum"; "beta1" ] |> List.tryFind (fun name -> List.contains name names) with
        | Some name -> name
        | None -> Fail.option "momentum: this optimiser has neither 'momentum' nor 'beta1'"

    // ---- steps ----------------------------------------

    /// Where the sum of gradients is kept, when they are accumulated.
    let private accumulated = "accumulated"

    /// The first state for parameters.
    let init (parameters: Tree<Tensor>) (optimiser: Optimiser) : OptimiserState =
        let active = active optimiser
        let read = active |> List.collect _.Hyper |> Set.ofList

        {
            Step = Tensor.ofInt64s [] [| 0L |]
            Hypers =
                firstValues optimiser
                |> List.map (Map.filter (fun name _ -> read.Contains name) >> Map.map (fun _ x -> value x))
            Slots =
                Branch [
                    for t in active do
                        t.Name, t.Init parameters
                    if optimiser.Every > 1 then
                        accumulated,
                        Branch [
                            "count", Leaf(Tensor.ofInt64s [] [| 0L |])
                            "sum", Tree.map Tensor.zerosLike parameters
                        ]
                ]
        }

    /// The first state of a changed optimiser, `fresh`, with all that the state of the old one has for it: the number of
    /// steps, the hyper-parameters that both have, and the memory of the transformations that both have.
    let carryOver (old: OptimiserState) (fresh: OptimiserState) : OptimiserState =
        let parts (state: OptimiserState) =
            match state.Slots with
            | Branch parts -> parts
            | Leaf _ -> []

        let known = Map.ofList (parts old)

        let isLike (a: Tree<Tensor>) b =
            List.map fst (Tree.leaves a) = List.map fst (Tree.leaves b)

        let memory (name, slots) =
            match known.TryFind name with
            | Some kept when isLike kept slots -> name, kept
            | Some _
            | None -> name, slots

        let hypers (values: Map<string, Tensor>) (fresh: Map<string, Tensor>) =
            fresh |> Map.map (fun name x -> values.TryFind name |> Option.defaultValue x)

        {
            Step = old.Step
            Hypers =
                if old.Hypers.Length = fresh.Hypers.Length then
                    List.map2 hypers old.Hypers fresh.Hypers
                else
                    fresh.Hypers
            Slots = Branch(List.map memory (parts fresh))
        }

    /// A step along updates that are ready to be used.
    let private move (updates: Tree<Tensor>) (state: OptimiserState) parameters (optimiser: Optimiser) =
        let groupOf path =
            match optimiser.Groups |> List.tryFindIndex (fun group -> group.Has path) with
            | Some group -> group + 1
            | None -> 0

        let step = state.Step + 1

        let moment = {
            Step = Tensor.cast DType.Float64 step
            Hypers = fun path -> state.Hypers[groupOf path]
        }

        let one (motion, slots) (t: Transformation) =
            let motion, memory = t.Update moment motion (Tree.child t.Name state.Slots)
            motion, (t.Name, memory) :: slots

        let start = {
            Parameters = parameters
            Updates = updates
        }

        let motion, slots = active optimiser |> List.fold one (start, [])

        motion.Parameters,
        {
            state with
                Step = step
                Slots = Branch(List.rev slots)
        }

    /// A step along the mean of the gradients when this is the last of `Every`, else nothing but their sum.
    let private collect
        (gradients: Tree<Tensor>)
        (state: OptimiserState)
        (parameters: Tree<Tensor>)
        (optimiser: Optimiser)
        =
        let kept = Tree.child accumulated state.Slots
        let sum = Tree.map2 (+) (Tree.child "sum" kept) gradients
        let count = Tree.find "count" kept + 1
        let isDue = Tensor.eq count (Tensor.full DType.Int64 [] (float optimiser.Every))
        let mean = sum |> Tree.map (fun (x: Tensor) -> x / float optimiser.Every)
        let moved, next = move mean state parameters optimiser

        let memory =
            match state.Slots with
            | Branch parts -> Branch(parts |> List.filter (fun (name, _) -> name <> accumulated))
            | Leaf _ -> state.Slots

        let parameters, state =
            Structure.map2 (Tensor.where isDue) (moved, next) (parameters, { state with Slots = memory })

        let sum = sum |> Tree.map (fun x -> Tensor.where isDue (Tensor.zerosLike x) x)
        let count = Tensor.where isDue (Tensor.zerosLike count) count

        let kept = accumulated, Branch [ "count", Leaf count; "sum", sum ]

        parameters,
        {
            state with
                Slots =
                    match state.Slots with
                    | Branch parts -> Branch(parts @ [ kept ])
                    | Leaf _ -> state.Slots
        }

    /// New parameters and state, from the gradients of the old parameters. Raises ShapeException when gradients
    /// and parameters are trees of different form.
    let update
        (gradients: Tree<Tensor>)
        (state: OptimiserState)
        (parameters: Tree<Tensor>)
        (optimiser: Optimiser)
        : Tree<Tensor> * OptimiserState =
        // The trees are walked side by side from here on.
        Tree.map2 (fun _ _ -> ()) gradients parameters |> ignore

        if optimiser.Every = 1 then
            move gradients state parameters optimiser
        else
            collect gradients state parameters optimiser

    /// The exponential mean of the parameters that `ema` keeps. Raises ShapeException for an optimiser without.
    let average (state: OptimiserState) : Tree<Tensor> =
        let name, slot = Averages.emaPath
        state.Slots |> Tree.child name |> Tree.child slot
