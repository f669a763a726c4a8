namespace FunctionalDL.Core

open System.Text

/// One line of a program: a primitive over value numbers, and the type of its result.
[<NoComparison>]
type Step = { Prim: Prim<int>; Type: TensorType }

/// A graph made flat: what an engine is given. Values are numbered; the inputs come first, then the steps in
/// order, each using only earlier numbers. A program is plain data: it compares by content and can be
/// printed.
[<NoComparison>]
type Program = {
    Inputs: TensorType[]
    Steps: Step[]
    /// The value numbers asked for.
    Outputs: int[]
}

/// Reading programs.
[<RequireQualifiedAccess>]
module Program =

    /// The type of a value.
    let typeOf (program: Program) value =
        if value < program.Inputs.Length then
            program.Inputs[value]
        else
            program.Steps[value - program.Inputs.Length].Type

    /// The literals of the program's constants, in order: the ones that an engine's run may be given others
    /// for.
    let literals (program: Program) =
        program.Steps
        |> Array.choose (fun step ->
            match step.Prim with
            | Prim.Constant(literal, _) -> Some literal
            | _ -> None)

    /// The program as text, a line for each value.
    let print (program: Program) =
        let text = StringBuilder()

        for i in 0 .. program.Inputs.Length - 1 do
            text.AppendLine $"%%{i} = input : {program.Inputs[i]}" |> ignore

        for i in 0 .. program.Steps.Length - 1 do
            let step = program.Steps[i]

            let operands =
                Prim.operands step.Prim |> Array.map (fun o -> $" %%{o}") |> String.concat ""

            text.AppendLine $"%%{program.Inputs.Length + i} = {Prim.name step.Prim}{operands} : {step.Type}"
            |> ignore

        let outputs = program.Outputs |> Array.map (fun o -> $" %%{o}") |> String.concat ""
        text.Append("return" + outputs).ToString()
