namespace FunctionalDL.Core

/// Parameters on their way through an optimiser, and what is going to move them: at first their gradients.
type Motion = {
    Parameters: Tree<Tensor>
    Updates: Tree<Tensor>
}

/// What a step of an optimiser knows besides the parameters.
[<NoComparison; NoEquality>]
type Moment = {
    /// The number of this step, a scalar (float64); the first step is 1.
    Step: Tensor
    /// The hyper-parameters of the parameter at a path, scalars (float64) by name.
    Hypers: string -> Map<string, Tensor>
}

/// What a rule for one parameter knows besides the parameter and its update.
[<NoComparison; NoEquality>]
type Turn = {
    /// The number of this step, a scalar (float64); the first step is 1.
    Step: Tensor
    /// A hyper-parameter by name, a scalar (float64). Arithmetic with it keeps the type of the parameter.
    Hyper: string -> Tensor
    /// What the rule remembered of this parameter at the last step, by name.
    Slot: string -> Tensor
} with

    /// `turn["lr"]` is `turn.Hyper "lr"`.
    member this.Item
        with get name = this.Hyper name

/// One part of an optimiser: a pair of pure functions, as in optax. `Init` gives its first memory for
/// parameters; `Update` turns a motion and the memory into the next motion and memory.
[<NoComparison; NoEquality>]
type Transformation = {
    /// Names its memory; no two transformations of an optimiser share a name.
    Name: string
    /// The hyper-parameters that it reads.
    Hyper: string list
    /// The hyper-parameter that switches it on: where it is 0 for all parameters when the optimiser starts, the
    /// transformation is left out and costs nothing.
    Switch: string option
    Init: Tree<Tensor> -> Tree<Tensor>
    Update: Moment -> Motion -> Tree<Tensor> -> Motion * Tree<Tensor>
}

/// Transformations from rules for one parameter. The rule is given what it knows (hyper-parameters, memory), the
/// parameter and its update; a whole optimiser can be three lines:
///
///     let signDescent =
///         Transformation.onParameter "sign" [ "lr" ] (fun turn p g -> p - turn["lr"] * Tensor.sign g)
///
///     let optimiser = Optimiser.create [ "lr", 0.01 ] [ signDescent ]
[<RequireQualifiedAccess>]
module Transformation =

    /// `result` as what it replaces. Scalars are float64, so only the type of a parameter without axes may differ.
    let private replace name path (old: Tensor) (result: Tensor) =
        if not (result.Shape.Equals old.Shape) then
            Fail.shape $"{name}: '{path}' has shape {old.Shape}; the rule made {result.Shape} of it"

        Tensor.cast old.DType result

    let private look name kind (found: Map<string, Tensor>) wanted =
        match found.TryFind wanted with
        | Some tensor -> tensor
        | None ->
            let names = found.Keys |> String.concat ", "
            Fail.option $"{name}: its rule asks for the {kind} '{wanted}'; there is: {names}"

    /// A rule with memory: `slots` names what is remembered of each parameter, with its first value; the rule
    /// gives the new parameter, the new update, and the new slots in their order. Raises ShapeException for
    /// results that do not have the shapes of what they replace, OptionException when the rule asks for a name
    /// that there is not, or gives another number of slots.
    let withSlots name hyper (slots: (string * (Tensor -> Tensor)) list) rule =
        let update (moment: Moment) motion memory =
            let kept =
                slots
                |> List.map (fun (slot, _) -> slot, Structure.leaves (Tree.child slot memory))

            let updates = Structure.leaves motion.Updates

            let one i (path, parameter) =
                let mine = kept |> List.map (fun (slot, leaves) -> slot, leaves[i])

                let turn = {
                    Step = moment.Step
                    Hyper = look name "hyper-parameter" (moment.Hypers path)
                    Slot = look name "slot" (Map.ofList mine)
                }

                let (p: Tensor, u: Tensor), next = rule turn parameter updates[i]

                if List.length next <> mine.Length then
                    Fail.option $"{name}: its rule gives {next.Length} slots; it has {mine.Length}"

                replace name path parameter p,
                replace name path updates[i] u,
                List.map2 (fun (_, old) x -> replace name path old x) mine next

            let results = Tree.leaves motion.Parameters |> List.mapi one
            let like tree tensors = Structure.rebuild tree tensors

            {
                Parameters = results |> List.map (fun (p, _, _) -> p) |> like motion.Parameters
                Updates = results |> List.map (fun (_, u, _) -> u) |> like motion.Updates
            },
            slots
            |> List.mapi (fun i (slot, _) ->
                slot, results |> List.map (fun (_, _, s) -> s[i]) |> like motion.Parameters)
            |> Branch

        {
            Name = name
            Hyper = hyper
            Switch = None
            Init =
                fun parameters ->
                    slots
                    |> List.map (fun (slot, first) -> slot, Tree.map first parameters)
                    |> Branch
            Update = update
        }

    /// A rule without memory that gives the new update.
    let onUpdate name hyper (rule: Turn -> Tensor -> Tensor -> Tensor) =
        withSlots name hyper [] (fun turn p u -> (p, rule turn p u), [])

    /// A rule without memory that gives the new parameter.
    let onParameter name hyper (rule: Turn -> Tensor -> Tensor -> Tensor) =
        withSlots name hyper [] (fun turn p u -> (rule turn p u, u), [])

    /// The transformation, left out where this hyper-parameter is 0 for all parameters when the optimiser starts.
    let switchedBy hyper (transformation: Transformation) = {
        transformation with
            Switch = Some hyper
    }
