namespace FunctionalDL.Core

open System
open System.Collections.Generic
open System.Reflection
open System.Runtime.InteropServices

/// The number of a case in the declaration of its union.
[<AbstractClass; Sealed>]
type private Case<'u> private () =

    static let read =
        typeof<'u>
            .GetProperty("Tag", BindingFlags.Instance ||| BindingFlags.Public ||| BindingFlags.NonPublic)
            .GetGetMethod(true)
            .CreateDelegate<Func<'u, int>>()

    static member Number(case: 'u) = read.Invoke case

/// What a plan can be found by again: the engine, and the structure of a program as a row of whole numbers. Two programs
/// have the same row when they are the same but for the literals of their constants.
[<Sealed>]
type internal PlanKey(engine: IEngine, row: List<int>) =
    let hash =
        let mutable hash = HashCode()
        let words: Span<byte> = MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan row)
        hash.AddBytes(Span<byte>.op_Implicit words)
        hash.ToHashCode()

    member private _.Engine = engine
    member private _.Row = row

    override _.GetHashCode() = hash

    override _.Equals other =
        match other with
        | :? PlanKey as key ->
            obj.ReferenceEquals(engine, key.Engine)
            && (CollectionsMarshal.AsSpan row).SequenceEqual(CollectionsMarshal.AsSpan key.Row)
        | _ -> false

/// Writing such rows. Whatever is written says where it ends, so that different programs have different rows.
[<RequireQualifiedAccess>]
module internal PlanKey =

    let private numbers (row: List<int>) (values: int[]) =
        row.Add values.Length
        row.AddRange values

    let private shape row (shape: Shape) = numbers row shape.Dims

    let private dtype (row: List<int>) (dtype: DType) = row.Add(int (DType.element dtype))

    let private tensorType row (t: TensorType) =
        dtype row t.DType
        shape row t.Shape

    let private spans (row: List<int>) (spans: Span[]) =
        row.Add spans.Length

        for span in spans do
            row.Add span.Start
            row.Add span.Step
            row.Add span.Count

    let private spec (row: List<int>) (spec: ConvolutionSpec) =
        row.Add spec.Groups

        for values in [| spec.Stride; spec.Dilation; spec.Before; spec.Input; spec.Kernel; spec.Output |] do
            numbers row values

    /// What a primitive is besides its case and operands. The value of a constant is not part of it: plans are given
    /// that at each run.
    let private attributes (row: List<int>) (prim: Prim<'x>) =
        match prim with
        | Prim.Constant(literal, shape) -> tensorType row { DType = literal.DType; Shape = shape }
        | Prim.Iota(t, length) ->
            dtype row t
            row.Add length
        | Prim.Random(t, dims, stream, _) ->
            tensorType row { DType = t; Shape = dims }
            row.Add(int stream)
        | Prim.Unary(op, _) -> row.Add(Case.Number op)
        | Prim.Binary(op, _, _) -> row.Add(Case.Number op)
        | Prim.Compare(op, _, _) -> row.Add(Case.Number op)
        | Prim.Cast(t, _) -> dtype row t
        | Prim.Reduce(op, axes, _) ->
            row.Add(Case.Number op)
            numbers row axes
        | Prim.Arg(op, axis, _) ->
            row.Add(Case.Number op)
            row.Add axis
        | Prim.ArgWindow(kernel, step, dilation, before, count, _) ->
            for values in [| kernel; step; dilation; before; count |] do
                numbers row values
        | Prim.Reshape(dims, _)
        | Prim.Expand(dims, _) -> shape row dims
        | Prim.Permute(axes, _) -> numbers row axes
        | Prim.Slice(parts, _) -> spans row parts
        | Prim.Embed(dims, parts, _) ->
            shape row dims
            spans row parts
        | Prim.Concat(axis, _)
        | Prim.Gather(axis, _, _)
        | Prim.Recurrence(axis, _, _) -> row.Add axis
        | Prim.Convolution(part, convolution, _, _) ->
            row.Add(Case.Number part)
            spec row convolution
        | Prim.ScatterAdd(axis, length, _, _) ->
            row.Add axis
            row.Add length
        | Prim.ArgSort(axis, descending, _) ->
            row.Add axis
            row.Add(if descending then 1 else 0)
        | Prim.Windows(axis, count, step, dilation, _)
        | Prim.Overlap(axis, count, step, dilation, _) ->
            row.Add axis
            row.Add count
            row.Add step
            row.Add dilation
        | Prim.TriangularSolve(lower, _, _) -> row.Add(if lower then 1 else 0)
        | Prim.Select _
        | Prim.MatMul _
        | Prim.Cholesky _
        | Prim.Solve _
        | Prim.Determinant _
        | Prim.StopGradient _
        | Prim.Variable _
        | Prim.Barrier _ -> ()
        | Prim.Custom(rule, _, _, _) -> invalidOp $"{rule.Name}: programs do not keep custom rules"

    /// Writes the type of an input.
    let input (row: List<int>) (t: TensorType) = tensorType row t

    /// Writes a step, whose operands have these numbers. Its type follows from theirs.
    let step (row: List<int>) (number: 'x -> int) (prim: Prim<'x>) =
        let operands = Prim.operandList prim
        row.Add(Case.Number prim)
        row.Add operands.Count

        for i in 0 .. operands.Count - 1 do
            row.Add(number operands[i])

        attributes row prim
