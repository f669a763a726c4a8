namespace FunctionalDL.Conformance

open FunctionalDL.Core

/// What a run computes with.
type Settings = {
    Engine: IEngine
    /// The type that real numbers take: float64 or float32.
    Real: DType
}

/// Running cases.
[<RequireQualifiedAccess>]
module Runner =

    let private tolerance settings (family: string) (case: Case) =
        if settings.Real = DType.Float64 then
            Tolerance.Element(case.Rtol, case.Atol)
        else
            // Errors of rounding grow from step to step.
            Tolerance.Tensor(
                match family with
                | "optim"
                | "model" -> 1e-4
                | _ -> 1e-5
            )

    /// What is wrong with computed values, told with their places in the case; expected ones are at those.
    let private differences settings tolerance kind (expected: (int * Value) list) (got: Value list) =
        if expected.Length <> got.Length then
            [ $"expected {expected.Length} {kind}s, got {got.Length}" ]
        else
            List.zip expected got
            |> List.choose (fun ((place, expected), got) ->
                Values.difference settings.Real tolerance expected got
                |> Option.map (fun what -> $"{kind} {place}: {what}"))

    /// What is there, with its place.
    let private present (values: 'a option list) =
        values
        |> List.indexed
        |> List.choose (fun (place, value) -> value |> Option.map (fun value -> place, value))

    /// The gradients of ⟨cotangents, outputs⟩ that the case states, against the library's. Inputs and
    /// outputs without one stay out of the derivative.
    let private checkGradients settings tolerance (case: Case) (operation: Operation) (request: Request) =
        let grads, cotangents = present case.Grads, present case.Cotangents

        if grads.IsEmpty then
            []
        else
            let f (variables: Tensor list) =
                let variable = List.zip (List.map fst grads) variables |> Map.ofList

                let inputs =
                    request.Inputs
                    |> List.mapi (fun place x -> variable.TryFind place |> Option.defaultValue x)

                let outputs = operation.Run { request with Inputs = inputs }
                cotangents |> List.map (fun (place, _) -> outputs[place])

            let _, pullback =
                vjp f (grads |> List.map (fun (place, _) -> request.Inputs[place]))

            cotangents
            |> List.map (snd >> Values.toTensor settings.Real)
            |> pullback
            |> Values.ofTensors settings.Engine
            |> differences settings tolerance "gradient" grads

    let private check settings family (case: Case) (operation: Operation) =
        Attribute.only operation.Options case.Attributes

        let request = {
            Engine = settings.Engine
            Attributes = case.Attributes
            Inputs = case.Inputs |> List.map (Values.toTensor settings.Real)
            Expected = case.Outputs |> List.map (Values.toTensor settings.Real)
        }

        let tolerance = tolerance settings family case
        let got = operation.Run request |> Values.ofTensors settings.Engine

        match differences settings tolerance "output" (List.indexed case.Outputs) got with
        | [] -> checkGradients settings tolerance case operation request
        | wrong -> wrong

    /// What is wrong with a case; nothing, when it passes.
    let run settings (family: Family) (case: Case) : string list =
        match Table.operations.TryFind case.Op with
        | None -> [ $"unknown op '{case.Op}'" ]
        | Some operation ->
            try
                check settings family.Name case operation
            with
            | NotSupported _ as e -> [ e.Message ]
            // Whatever else goes wrong in the library is this case's failure, not the end of the run.
            | e -> [ $"{e.GetType().Name}: {e.Message}" ]
