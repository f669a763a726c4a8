namespace FunctionalDL.Core

/// One step of an optimiser's work on the updates: a pair of pure functions, as in optax. `Init` gives its
/// first memory for parameters; `Update` turns updates (at first the gradients) and memory into new ones.
[<NoComparison; NoEquality>]
type Transformation = {
    Init: Tree<Tensor> -> Tree<Tensor>
    Update: Map<string, Tensor> -> Tree<Tensor> -> Tree<Tensor> -> Tree<Tensor> -> Tree<Tensor> * Tree<Tensor>
}

/// What an optimiser remembers: its hyper-parameters, which are values of the state so that changing them
/// never compiles anew, and the memory of its transformations.
type OptimiserState = {
    Hyper: Map<string, Tensor>
    Slots: Tree<Tensor>
}

/// How parameters move: first hyper-parameters by PyTorch's names, and the transformations of the gradient in
/// order, the last of which gives what is added to the parameters.
[<NoComparison; NoEquality>]
type Optimiser = {
    Hyper: (string * float) list
    Transformations: (string * Transformation) list
}

/// Transformations to build optimisers of.
[<RequireQualifiedAccess>]
module Transformation =

    /// A hyper-parameter, in the type of what it is combined with.
    let private hyper name (values: Map<string, Tensor>) (like: Tensor) = Tensor.cast like.DType values[name]

    let private stateless update = {
        Init = fun _ -> Tree.empty
        Update = fun hypers updates memory parameters -> update hypers updates parameters, memory
    }

    /// Adds `weight_decay · p` to the update: the derivative of `weight_decay / 2 · ‖p‖²` (L2).
    let l2 =
        stateless (fun hypers -> Tree.map2 (fun u p -> u + hyper "weight_decay" hypers p * p))

    /// Momentum as PyTorch has it: the first update is taken whole, later ones are damped,
    /// `v <- momentum · v + (1 - dampening) · u`; with `nesterov` the update is `u + momentum · v`, else `v`.
    let momentum nesterov =
        let update hypers updates memory _ =
            let started = Tree.find "started" memory

            let velocity u v =
                let damped = hyper "momentum" hypers u * v + (1.0 - hyper "dampening" hypers u) * u
                Tensor.where started damped u

            let velocities = Tree.map2 velocity updates (Tree.child "velocity" memory)

            let result =
                if nesterov then
                    Tree.map2 (fun u v -> u + hyper "momentum" hypers u * v) updates velocities
                else
                    velocities

            result, Branch [ "started", Leaf(Tensor.ofBools [] [| true |]); "velocity", velocities ]

        {
            Init =
                fun parameters ->
                    Branch [
                        "started", Leaf(Tensor.ofBools [] [| false |])
                        "velocity", Tree.map Tensor.zerosLike parameters
                    ]
            Update = update
        }

    /// Multiplies the update by `-lr`.
    let descend =
        stateless (fun hypers updates _ -> Tree.map (fun u -> -(hyper "lr" hypers u * u)) updates)

/// Optimisers as values: `init` for parameters, `update` for a step.
[<RequireQualifiedAccess>]
module Optimiser =

    let private require name holds (value: float) rule =
        if not (holds value) then
            Fail.option $"{name}: {value} is not possible; {rule}"

    /// Options of stochastic gradient descent, by PyTorch's names.
    type SgdOptions = {
        /// How far a parameter moves against its gradient.
        Lr: float
        /// What part of the last movement goes on.
        Momentum: float
        /// What part of each gradient but the first is kept out of the movement.
        Dampening: float
        /// L2 decay: this times the parameter is added to its gradient.
        WeightDecay: float
        /// Looks one movement ahead; needs momentum and no dampening.
        Nesterov: bool
    }

    /// Plain descent with rate `lr`.
    let sgdOptions lr = {
        Lr = lr
        Momentum = 0.0
        Dampening = 0.0
        WeightDecay = 0.0
        Nesterov = false
    }

    /// Stochastic gradient descent. Raises OptionException for negative options, and for Nesterov without
    /// momentum or with dampening.
    let sgdWith (options: SgdOptions) : Optimiser =
        let notNegative x = x >= 0.0
        require "lr" notNegative options.Lr "it is 0 or more"
        require "momentum" notNegative options.Momentum "it is 0 or more"
        require "weight_decay" notNegative options.WeightDecay "it is 0 or more"

        if options.Nesterov && (options.Momentum = 0.0 || options.Dampening <> 0.0) then
            Fail.option "nesterov: it needs a momentum above 0 and a dampening of 0"

        {
            Hyper = [
                "lr", options.Lr
                if options.WeightDecay <> 0.0 then
                    "weight_decay", options.WeightDecay
                if options.Momentum <> 0.0 then
                    "momentum", options.Momentum
                    "dampening", options.Dampening
            ]
            Transformations = [
                if options.WeightDecay <> 0.0 then
                    "l2", Transformation.l2
                if options.Momentum <> 0.0 then
                    "momentum", Transformation.momentum options.Nesterov
                "descend", Transformation.descend
            ]
        }

    /// Plain stochastic gradient descent: `p <- p - lr · g`.
    let sgd lr = sgdWith (sgdOptions lr)

    /// The first state for parameters.
    let init (parameters: Tree<Tensor>) (optimiser: Optimiser) : OptimiserState = {
        Hyper =
            optimiser.Hyper
            |> List.map (fun (name, value) -> name, Tensor.full DType.Float64 [] value)
            |> Map.ofList
        Slots =
            optimiser.Transformations
            |> List.map (fun (name, t) -> name, t.Init parameters)
            |> Branch
    }

    /// The state with a hyper-parameter changed. Raises OptionException when the optimiser has none of that
    /// name.
    let withHyper name (value: float) (state: OptimiserState) : OptimiserState =
        if not (state.Hyper.ContainsKey name) then
            let names = state.Hyper.Keys |> String.concat ", "

            Fail.option
                $"{name}: this optimiser has no such hyper-parameter; it has {names} (one that was 0 when the optimiser was made is left out)"

        {
            state with
                Hyper = state.Hyper.Add(name, Tensor.full DType.Float64 [] value)
        }

    /// New parameters and state, from the gradients of the old parameters.
    let update
        (gradients: Tree<Tensor>)
        (state: OptimiserState)
        (parameters: Tree<Tensor>)
        (optimiser: Optimiser)
        =
        let step (updates, slots) (name, transformation: Transformation) =
            let updates, memory =
                transformation.Update state.Hyper updates (Tree.child name state.Slots) parameters

            updates, (name, memory) :: slots

        let updates, slots = optimiser.Transformations |> List.fold step (gradients, [])

        Tree.map2 (fun (p: Tensor) u -> p + u) parameters updates,
        {
            state with
                Slots = Branch(List.rev slots)
        }
