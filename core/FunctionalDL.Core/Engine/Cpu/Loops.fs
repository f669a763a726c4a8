namespace FunctionalDL.Core.Planning

open System.Collections.Generic
open FunctionalDL.Core
open FunctionalDL.Kernels

/// Writing regions as fused loops.
[<RequireQualifiedAccess>]
module internal Loops =

    let private unary op =
        match op with
        | UnaryOp.Neg -> TileOp.Neg
        | UnaryOp.Abs -> TileOp.Abs
        | UnaryOp.Sign -> TileOp.Sign
        | UnaryOp.Sqrt -> TileOp.Sqrt
        | UnaryOp.Exp -> TileOp.Exp
        | UnaryOp.Expm1 -> TileOp.Expm1
        | UnaryOp.Log -> TileOp.Log
        | UnaryOp.Log1p -> TileOp.Log1p
        | UnaryOp.Sin -> TileOp.Sin
        | UnaryOp.Cos -> TileOp.Cos
        | UnaryOp.Tanh -> TileOp.Tanh
        | UnaryOp.Sigmoid -> TileOp.Sigmoid
        | UnaryOp.Erf -> TileOp.Erf
        | UnaryOp.Erfinv -> TileOp.Erfinv
        | UnaryOp.Floor -> TileOp.Floor
        | UnaryOp.Ceil -> TileOp.Ceil
        | UnaryOp.Round -> TileOp.Round

    let private binary op =
        match op with
        | BinaryOp.Add -> TileOp.Add
        | BinaryOp.Sub -> TileOp.Sub
        | BinaryOp.Mul -> TileOp.Mul
        | BinaryOp.Div -> TileOp.Div
        | BinaryOp.Maximum -> TileOp.Maximum
        | BinaryOp.Minimum -> TileOp.Minimum
        | BinaryOp.Pow -> TileOp.Pow
        | BinaryOp.Atan2 -> TileOp.Atan2

    let private compare op =
        match op with
        | CompareOp.Equal -> TileOp.Equal
        | CompareOp.NotEqual -> TileOp.NotEqual
        | CompareOp.Less -> TileOp.Less
        | CompareOp.LessEqual -> TileOp.LessEqual
        | CompareOp.Greater -> TileOp.Greater
        | CompareOp.GreaterEqual -> TileOp.GreaterEqual

    let private foldKind op =
        match op with
        | ReduceOp.Sum -> FoldKind.Sum
        | ReduceOp.Max -> FoldKind.Max
        | ReduceOp.Min -> FoldKind.Min
        | ReduceOp.Product -> FoldKind.Product

    /// The reduced axes as one block `first .. last - 1`, when every axis between them that has a size is
    /// reduced too.
    let reducedBlock (shape: Shape) (axes: int[]) =
        let reduced = axes |> Array.filter (fun a -> shape[a] <> 1)

        if reduced.Length = 0 then
            None
        else
            let first, last = Array.min reduced, Array.max reduced + 1

            if Seq.forall (fun a -> shape[a] = 1 || Array.contains a reduced) (seq { first .. last - 1 }) then
                Some(struct (first, last))
            else
                None

    /// A fold that ends a region's loop: the operation, the value it folds, and the buffer of the result.
    [<Struct>]
    type Fold = {
        Op: ReduceOp
        Value: int
        Target: int
    }

    /// The loop over `shape` that computes `members` (program steps by value number, in order), keeps some of
    /// them in buffers (`stores`) and folds some over the axes `block`.
    let region
        (typeOf: int -> TensorType)
        (viewOf: int -> View)
        (shape: Shape)
        (members: struct (int * Prim<int>)[])
        (stores: struct (int * int)[])
        (block: struct (int * int) voption)
        (folds: Fold[])
        : FusedLoop =
        let isMember = HashSet<int>(members |> Seq.map (fun (struct (v, _)) -> v))
        let registers = Dictionary<int, int>()
        let loads = List<TileLoad>()
        let views = List<View>()
        let mutable registerCount = 0

        let fresh () =
            registerCount <- registerCount + 1
            registerCount - 1

        // A loaded register may be the operand's own memory, so it is never written to: only computed
        // registers are reused.
        let load value =
            match registers.TryGetValue value with
            | true, register -> register
            | _ ->
                let view = viewOf value
                let register = fresh ()
                registers[value] <- register
                views.Add view

                loads.Add(
                    TileLoad(
                        register,
                        DType.element (typeOf value).DType,
                        view.Buffer,
                        view.Offset,
                        view.Strides
                    )
                )

                register

        let lastUse = Dictionary<int, int>()

        members
        |> Array.iteri (fun at (struct (_, prim)) ->
            for o in Prim.operands prim do
                lastUse[o] <- at)

        // What is stored or folded must last until the end of the tile.
        for struct (value, _) in stores do
            lastUse[value] <- members.Length

        for fold in folds do
            lastUse[fold.Value] <- members.Length

        let free = Stack<int>()
        let code = List<TileInstruction>()

        members
        |> Array.iteri (fun at (struct (value, prim)) ->
            let operand x =
                if isMember.Contains x then registers[x] else load x

            let element x = DType.element (typeOf x).DType
            let result = element value
            let operands = Prim.operands prim |> Array.map operand

            let target = if free.Count > 0 then free.Pop() else fresh ()

            registers[value] <- target

            match prim with
            | Prim.Unary(op, x) -> TileInstruction(unary op, element x, result, target, operands[0])
            | Prim.Binary(op, a, _) ->
                TileInstruction(binary op, element a, result, target, operands[0], operands[1])
            | Prim.Compare(op, a, _) ->
                TileInstruction(compare op, element a, result, target, operands[0], operands[1])
            | Prim.Select(_, a, _) ->
                TileInstruction(
                    TileOp.Select,
                    element a,
                    result,
                    target,
                    operands[0],
                    operands[1],
                    operands[2]
                )
            | Prim.Cast(_, x) -> TileInstruction(TileOp.Cast, element x, result, target, operands[0])
            | Prim.Constant _
            | Prim.Iota _
            | Prim.Random _
            | Prim.Reduce _
            | Prim.Arg _
            | Prim.ArgWindow _
            | Prim.Reshape _
            | Prim.Permute _
            | Prim.Expand _
            | Prim.Slice _
            | Prim.Embed _
            | Prim.Concat _
            | Prim.MatMul _
            | Prim.Convolution _
            | Prim.Gather _
            | Prim.ScatterAdd _
            | Prim.Recurrence _
            | Prim.ArgSort _
            | Prim.Windows _
            | Prim.Overlap _
            | Prim.Cholesky _
            | Prim.TriangularSolve _
            | Prim.Solve _
            | Prim.Determinant _
            | Prim.StopGradient _
            | Prim.Variable _
            | Prim.Barrier _
            | Prim.Custom _ -> invalidOp $"{Prim.name prim} is not elementwise"
            |> code.Add

            for o in Prim.operands prim |> Array.distinct do
                if isMember.Contains o && lastUse[o] = at then
                    free.Push registers[o])

        let tileStores isNear =
            stores
            |> Array.map (fun (struct (value, buffer)) ->
                TileStore(registers[value], DType.element (typeOf value).DType, buffer, isNear buffer))

        let tileFolds =
            folds
            |> Array.map (fun fold ->
                let register =
                    if isMember.Contains fold.Value then
                        registers[fold.Value]
                    else
                        load fold.Value

                TileFold(foldKind fold.Op, register, DType.element (typeOf fold.Value).DType, fold.Target))

        let detail =
            lazy
                [
                    for struct (value, prim) in members ->
                        $"%%{value} = " + Program.printStep { Prim = prim; Type = typeOf value }
                    for struct (value, buffer) in stores -> $"b{buffer} <- %%{value}"
                    for fold in folds -> $"b{fold.Target} <- {fold.Op} %%{fold.Value}"
                ]

        let tiles isNear =
            match block with
            | ValueNone ->
                TileLoop(shape.Dims, [||], [||], loads.ToArray(), code.ToArray(), tileStores isNear)
            | ValueSome(struct (first, last)) ->
                TileLoop(
                    shape.Dims,
                    first,
                    last - first,
                    [||],
                    [||],
                    loads.ToArray(),
                    code.ToArray(),
                    tileStores isNear,
                    tileFolds
                )

        let writes = [|
            for struct (_, buffer) in stores -> buffer
            for fold in folds -> fold.Target
        |]

        {
            Name = $"loop {shape}"
            Shape = shape
            Views = views.ToArray()
            Writes = writes
            Stored = stores |> Array.map (fun (struct (_, buffer)) -> buffer)
            Folded = block
            Detail = detail
            Tiles = tiles
        }
