namespace FunctionalDL.Core

open System.Collections.Generic

/// Making programs smaller without changing a bit of what they compute. Nothing here reassociates a sum,
/// contracts a product, or folds `x * 0` or `x + 0`, which NaN, infinity and -0 would give away.
[<RequireQualifiedAccess>]
module Simplify =

    /// A value that is just another one, or none.
    let private alias (typeOf: int -> TensorType) (step: Step) =
        let sameType x = typeOf x = step.Type

        match step.Prim with
        | Prim.Variable x
        | Prim.StopGradient x
        | Prim.Custom(_, _, x, _) -> Some x
        | Prim.Cast(_, x)
        | Prim.Reshape(_, x)
        | Prim.Expand(_, x) when sameType x -> Some x
        | Prim.Permute(axes, x) when axes = Array.init axes.Length id -> Some x
        | Prim.Constant _
        | Prim.Iota _
        | Prim.Random _
        | Prim.Unary _
        | Prim.Binary _
        | Prim.Compare _
        | Prim.Select _
        | Prim.Cast _
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
        | Prim.Barrier _ -> None

    /// Drops steps that only rename a value, and computes equal steps once. With `mergeConstants` false,
    /// constants stay apart even when equal: their literals may be given anew at each run.
    let mergeEqual mergeConstants (program: Program) : Program =
        let inputs = program.Inputs.Length
        let renamed = Array.init (inputs + program.Steps.Length) id
        let steps = List<Step>()
        let known = Dictionary<struct (Prim<int> * TensorType), int>()

        let typeOf value =
            if value < inputs then
                program.Inputs[value]
            else
                steps[value - inputs].Type

        for i in 0 .. program.Steps.Length - 1 do
            let step = program.Steps[i]

            let step = {
                step with
                    Prim = Prim.map (fun x -> renamed[x]) step.Prim
            }

            let append () =
                steps.Add step
                inputs + steps.Count - 1

            renamed[inputs + i] <-
                match alias typeOf step with
                | Some x -> x
                | None when step.Prim.IsConstant && not mergeConstants -> append ()
                | None ->
                    let key = struct (step.Prim, step.Type)

                    match known.TryGetValue key with
                    | true, x -> x
                    | _ ->
                        let x = append ()
                        known[key] <- x
                        x

        {
            program with
                Steps = steps.ToArray()
                Outputs = program.Outputs |> Array.map (fun o -> renamed[o])
        }

    /// Drops steps that no output needs. Constants stay: the order of literals must not change.
    let dropUnused (program: Program) : Program =
        let inputs = program.Inputs.Length
        let used = Array.zeroCreate<bool>(inputs + program.Steps.Length)

        for o in program.Outputs do
            used[o] <- true

        for i in program.Steps.Length - 1 .. -1 .. 0 do
            let step = program.Steps[i]

            if used[inputs + i] then
                for o in Prim.operands step.Prim do
                    used[o] <- true
            elif step.Prim.IsConstant then
                used[inputs + i] <- true

        let renamed = Array.zeroCreate<int> used.Length
        let mutable next = 0

        for i in 0 .. used.Length - 1 do
            if i < inputs || used[i] then
                renamed[i] <- next
                next <- next + 1

        let keep i (step: Step) =
            if used[inputs + i] then
                Some {
                    step with
                        Prim = Prim.map (fun x -> renamed[x]) step.Prim
                }
            else
                None

        {
            program with
                Steps = program.Steps |> Array.mapi keep |> Array.choose id
                Outputs = program.Outputs |> Array.map (fun o -> renamed[o])
        }

    let private swapsMatrices (axes: int[]) =
        let rank = axes.Length

        rank >= 2
        && axes =
            Array.init rank (fun i ->
                if i = rank - 2 then rank - 1
                elif i = rank - 1 then rank - 2
                else i)

    /// Computes a product that is only read turned around, as gradients of weights are, in that order:
    /// `(a · b)ᵀ = bᵀ · aᵀ`, element for element the same sums. Turning the operands moves nothing, while a turned
    /// result would be read across its rows.
    let turnProducts (program: Program) : Program =
        let inputs = program.Inputs.Length
        let uses = Array.zeroCreate<int>(inputs + program.Steps.Length)

        for o in Seq.append program.Outputs (program.Steps |> Seq.collect (fun s -> Prim.operands s.Prim)) do
            uses[o] <- uses[o] + 1

        let renamed = Array.init uses.Length id
        let steps = List<Step>()

        let typeOf value =
            if value < inputs then
                program.Inputs[value]
            else
                steps[value - inputs].Type

        let append step =
            steps.Add step
            inputs + steps.Count - 1

        let turn axes x =
            let before = typeOf x
            let shape = axes |> Array.map (fun a -> before.Shape[a]) |> Shape.ofSeq

            append {
                Prim = Prim.Permute(axes, x)
                Type = { before with Shape = shape }
            }

        let isOnlyTurned x =
            x >= inputs && uses[x] = 1 && program.Steps[x - inputs].Prim.IsMatMul

        for i in 0 .. program.Steps.Length - 1 do
            let step = program.Steps[i]

            let prim =
                match step.Prim with
                | Prim.Permute(axes, x) when swapsMatrices axes && isOnlyTurned x ->
                    let operands = Prim.operands program.Steps[x - inputs].Prim
                    Prim.MatMul(turn axes renamed[operands[1]], turn axes renamed[operands[0]])
                | prim -> Prim.map (fun x -> renamed[x]) prim

            renamed[inputs + i] <- append { step with Prim = prim }

        {
            program with
                Steps = steps.ToArray()
                Outputs = program.Outputs |> Array.map (fun o -> renamed[o])
        }

    /// All passes.
    let run mergeConstants program =
        program
        |> mergeEqual mergeConstants
        |> turnProducts
        |> mergeEqual mergeConstants
        |> dropUnused
