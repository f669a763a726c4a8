namespace FunctionalDL.Core

/// A state of training as named tensors and back, to be kept in a file.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module State =

    /// The name of each tensor, in the order in which `Structure.leaves` lists them: that of the fields.
    let private names (state: State) =
        let below prefix tree =
            Tree.leaves tree |> List.map (fun (path, _) -> $"{prefix}.{path}")

        let hypers =
            state.Optimiser.Hypers
            |> List.mapi (fun group values ->
                values.Keys
                |> Seq.map (fun name -> $"optimiser.hyper.{group}.{name}")
                |> List.ofSeq)

        List.concat [
            below "parameters" state.Variables.Parameters
            below "state" state.Variables.State
            [ "optimiser.step" ]
            List.concat hypers
            below "optimiser" state.Optimiser.Slots
            [ "key"; "step"; "epoch"; "batch" ]
        ]

    /// Everything in the state, by stable names such as `parameters.0.weight`, `optimiser.adam.exp_avg.0.weight`
    /// and `epoch`.
    let toTensors (state: State) : (string * Tensor) list =
        List.zip (names state) (List.ofArray (Structure.leaves state))

    let private listed (names: string list) =
        let more =
            if names.Length > 5 then
                $" and {names.Length - 5} more"
            else
                ""

        String.concat ", " (List.truncate 5 names) + more

    let private checkNames (expected: string list) (found: string list) =
        let missing, unknown = List.except found expected, List.except expected found

        if not missing.IsEmpty || not unknown.IsEmpty then
            let part what names =
                if List.isEmpty names then
                    ""
                else
                    $"; {what}: {listed names}"

            Fail.option (
                "resume: the tensors are those of another model or optimiser"
                + part "missing" missing
                + part "not known here" unknown
            )

    let private checkType name (expected: Tensor) (found: Tensor) =
        if not (found.Shape.Equals expected.Shape) then
            Fail.shape $"resume: '{name}' has shape {found.Shape}; this model needs {expected.Shape}"

        if found.DType <> expected.DType then
            Fail.dtype $"resume: '{name}' is {found.DType}; this model needs {expected.DType}"

    /// The state that `toTensors` was given, in the form of `like`: the first state of the same training. What
    /// follows from it has the same bits as if there had been no break. Raises OptionException for missing or
    /// unknown names, ShapeException and DTypeException for a tensor of another shape or type, before anything
    /// is made.
    let ofTensors (like: State) (tensors: (string * Tensor) seq) : State =
        let found = Map.ofSeq tensors
        let expected = toTensors like
        checkNames (List.map fst expected) (List.ofSeq found.Keys)

        for name, tensor in expected do
            checkType name tensor found[name]

        expected |> List.map (fun (name, _) -> found[name]) |> Structure.rebuild like
