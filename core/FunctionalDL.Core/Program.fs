namespace FunctionalDL.Core

open System
open System.Collections.Generic
open System.Globalization
open System.Text
open System.Text.RegularExpressions
open FSharp.Reflection

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

/// What a primitive is made of besides its operands, as text and back. It follows the declaration of the
/// union, so that a new case is printed and read with nothing added here.
[<RequireQualifiedAccess>]
module private Attributes =

    let private cases = FSharpType.GetUnionCases typeof<Prim<int>>

    let private isOperand (t: Type) = t = typeof<int> || t = typeof<int[]>

    /// The fields of a case that are operands: those declared with the type variable.
    let private operandFields =
        let generic = FSharpType.GetUnionCases(typedefof<Prim<_>>)

        generic
        |> Array.map (fun case ->
            case.GetFields()
            |> Array.map (fun f ->
                let t = f.PropertyType
                t.IsGenericParameter || (t.IsArray && t.GetElementType().IsGenericParameter)))

    /// Fields named `op` are the primitive's name; those named `part` complete it.
    let private isOperation (field: Reflection.PropertyInfo) =
        field.Name = "op" || field.Name = "part"

    let private number (literal: Literal) =
        let text =
            match literal.DType with
            | DType.Float32 ->
                (BitConverter.Int32BitsToSingle(int32 literal.Bits))
                    .ToString("R", CultureInfo.InvariantCulture)
            | DType.Float64 ->
                (BitConverter.Int64BitsToDouble literal.Bits).ToString("R", CultureInfo.InvariantCulture)
            | DType.Bool
            | DType.UInt8
            | DType.Int32
            | DType.Int64 -> string literal.Bits

        $"{literal.DType}:{text}"

    let private write (value: obj) =
        match value with
        | :? Literal as literal -> number literal
        | :? (int[]) as numbers -> Text.bracketed numbers
        | :? (Span[]) as spans ->
            let one (s: Span) = $"{s.Start}:{s.Step}:{s.Count}"
            "[" + String.Join("; ", Array.map one spans) + "]"
        | :? CustomRule as rule -> rule.Name
        | other -> other.ToString().ToLowerInvariant()

    let private numbers (text: string) =
        text.Split([| '['; ']'; ';'; ' ' |], StringSplitOptions.RemoveEmptyEntries)

    let dtype (text: string) =
        let all = [ DType.Bool; DType.UInt8; DType.Int32; DType.Int64; DType.Float32; DType.Float64 ]

        match all |> List.tryFind (fun d -> string d = text) with
        | Some found -> found
        | None -> Fail.option $"program: there is no type '{text}'"

    let shape text =
        numbers text |> Seq.map int |> Shape.ofSeq

    let private literal (text: string) =
        let parts = text.Split ':'
        let invariant = CultureInfo.InvariantCulture

        match dtype parts[0] with
        | DType.Float32 as d -> {
            DType = d
            Bits = int64 (BitConverter.SingleToInt32Bits(Single.Parse(parts[1], invariant)))
          }
        | DType.Float64 as d -> {
            DType = d
            Bits = BitConverter.DoubleToInt64Bits(Double.Parse(parts[1], invariant))
          }
        | DType.Bool
        | DType.UInt8
        | DType.Int32
        | DType.Int64 as d -> {
            DType = d
            Bits = Int64.Parse(parts[1], invariant)
          }

    let private convolutionSpec (text: string) =
        let lines = text.Trim('[', ']').Split("; ") |> Array.map _.Split(' ')

        let line name =
            match lines |> Array.tryFind (fun words -> words[0] = name) with
            | Some words -> words[1..] |> Array.map int
            | None -> Fail.option $"program: '{text}' does not say {name}"

        {
            Groups = Array.head (line "groups")
            Stride = line "stride"
            Dilation = line "dilation"
            Before = line "before"
            Input = line "input"
            Kernel = line "kernel"
            Output = line "output"
        }

    let private read (t: Type) (text: string) : obj =
        if t = typeof<int> then
            box (int text)
        elif t = typeof<uint32> then
            box (uint32 text)
        elif t = typeof<bool> then
            box (bool.Parse text)
        elif t = typeof<DType> then
            box (dtype text)
        elif t = typeof<Shape> then
            box (shape text)
        elif t = typeof<Literal> then
            box (literal text)
        elif t = typeof<int[]> then
            box (numbers text |> Array.map int)
        elif t = typeof<Span[]> then
            let one (s: string) =
                match s.Split ':' with
                | [| start; step; count |] -> {
                    Start = int start
                    Step = int step
                    Count = int count
                  }
                | _ -> Fail.option $"program: '{s}' is not a span"

            box (numbers text |> Array.map one)
        elif t = typeof<ConvolutionSpec> then
            box (convolutionSpec text)
        else
            Fail.option $"program: a {t.Name} cannot be read from text"

    let private tagOf = FSharpValue.PreComputeUnionTagReader typeof<Prim<int>>

    /// ` axes=[0; 1] descending=true`.
    let print (prim: Prim<int>) =
        let case = cases[tagOf prim]
        let _, values = FSharpValue.GetUnionFields(prim, typeof<Prim<int>>)

        Array.zip3 (case.GetFields()) operandFields[case.Tag] values
        |> Array.filter (fun (field, isOperand, _) -> not isOperand && not (isOperation field))
        |> Array.map (fun (field, _, value) -> $" {field.Name}={write value}")
        |> String.concat ""

    /// Each case by its name, with its operation where it has one.
    let private byName =
        let named = Dictionary<string, struct (UnionCaseInfo * obj)>()

        for case in cases do
            match case.GetFields() |> Array.tryFind isOperation with
            | Some op ->
                let before = if op.Name = "op" then "" else case.Name

                for operation in FSharpType.GetUnionCases op.PropertyType do
                    named[(before + operation.Name).ToLowerInvariant()] <-
                        struct (case, FSharpValue.MakeUnion(operation, [||]))
            | None -> named[case.Name.ToLowerInvariant()] <- struct (case, null)

        named

    /// The primitive of a printed name, operands and attributes. Raises OptionException for what is none.
    let parse name (operands: int list) (attributes: IDictionary<string, string>) : Prim<int> =
        match byName.TryGetValue name with
        | true, struct (case, operation) ->
            let mutable left = operands

            let field (f: Reflection.PropertyInfo) isOperand' : obj =
                if isOperation f then
                    operation
                elif not isOperand' then
                    match attributes.TryGetValue f.Name with
                    | true, text -> read f.PropertyType text
                    | _ -> Fail.option $"program: {name} needs '{f.Name}'"
                elif isOperand f.PropertyType && f.PropertyType.IsArray then
                    let rest = List.toArray left
                    left <- []
                    box rest
                else
                    match left with
                    | first :: rest ->
                        left <- rest
                        box first
                    | [] -> Fail.option $"program: {name} needs another operand"

            let fields = Array.map2 field (case.GetFields()) operandFields[case.Tag]
            FSharpValue.MakeUnion(case, fields) :?> Prim<int>
        | _ -> Fail.option $"program: there is no primitive '{name}'"

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

    let private list (values: int[]) =
        values |> Array.map (fun v -> $" %%{v}") |> String.concat ""

    /// One step as text: `sum %3 axes=[0]`.
    let printStep (step: Step) =
        Prim.name step.Prim
        + list (Prim.operands step.Prim)
        + Attributes.print step.Prim

    /// The program as text, a line for each value: `%5 = sum %3 axes=[0] : float32[1; 4]`.
    let print (program: Program) =
        let text = StringBuilder()

        for i in 0 .. program.Inputs.Length - 1 do
            text.AppendLine $"%%{i} = input : {program.Inputs[i]}" |> ignore

        for i in 0 .. program.Steps.Length - 1 do
            let step = program.Steps[i]

            text.AppendLine $"%%{program.Inputs.Length + i} = {printStep step} : {step.Type}"
            |> ignore

        text.Append("return" + list program.Outputs).ToString()

    let private line =
        Regex(@"^%\d+ = (\w+)((?: %\d+)*)((?: \w+=(?:\[[^\]]*\]|[^ ]+))*) : (\w+)(\[[^\]]*\])$")

    let private attribute = Regex(@"(\w+)=(\[[^\]]*\]|[^ ]+)")

    let private values (text: string) = [ for m in Regex.Matches(text, @"%(\d+)") -> int m.Groups[1].Value ]

    /// The program that `print` gave the text of: `parse (print p)` is `p`. Raises OptionException for a line
    /// that is none.
    let parse (text: string) : Program =
        let inputs, steps = List<TensorType>(), List<Step>()

        let lines =
            text.Split('\n', StringSplitOptions.TrimEntries ||| StringSplitOptions.RemoveEmptyEntries)

        for l in lines[.. lines.Length - 2] do
            let m = line.Match l

            if not m.Success then
                Fail.option $"program: '{l}' is not a line of a program"

            let t = {
                DType = Attributes.dtype m.Groups[4].Value
                Shape = Attributes.shape m.Groups[5].Value
            }

            if m.Groups[1].Value = "input" then
                inputs.Add t
            else
                let attributes =
                    dict [
                        for a in attribute.Matches m.Groups[3].Value -> a.Groups[1].Value, a.Groups[2].Value
                    ]

                let prim = Attributes.parse m.Groups[1].Value (values m.Groups[2].Value) attributes
                steps.Add { Prim = prim; Type = t }

        {
            Inputs = inputs.ToArray()
            Steps = steps.ToArray()
            Outputs = values lines[lines.Length - 1] |> List.toArray
        }
