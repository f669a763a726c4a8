namespace FunctionalDL.Core.Planning

open FunctionalDL.Core

/// When each value is computed, and which are computed together.
///
/// Values are put into stages. An elementwise value is in the stage of the latest of its operands; any other
/// step ends a stage, so that its result belongs to the next. All elementwise values of one shape and one
/// stage form a *region*: they depend on earlier stages and on each other only, so one loop computes them
/// tile by tile, whatever connects them.
[<RequireQualifiedAccess>]
module internal Schedule =

    /// What a step asks of the machine.
    [<RequireQualifiedAccess>]
    type Role =
        /// Computed within a region's loop.
        | Elementwise
        /// A view of its operand.
        | Movement
        /// There before the program starts.
        | Given
        /// A loop or kernel of its own.
        | Kernel

    let role (prim: Prim<int>) =
        match prim with
        | Prim.Unary _
        | Prim.Binary _
        | Prim.Compare _
        | Prim.Select _
        | Prim.Cast _ -> Role.Elementwise
        | Prim.Reshape _
        | Prim.Permute _
        | Prim.Expand _
        | Prim.Slice _
        | Prim.Windows _
        | Prim.StopGradient _
        | Prim.Variable _
        | Prim.Barrier _
        | Prim.Custom _ -> Role.Movement
        | Prim.Constant _
        | Prim.Iota _ -> Role.Given
        | Prim.Random _
        | Prim.Reduce _
        | Prim.Arg _
        | Prim.ArgWindow _
        | Prim.Embed _
        | Prim.Concat _
        | Prim.MatMul _
        | Prim.Convolution _
        | Prim.Gather _
        | Prim.ScatterAdd _
        | Prim.Recurrence _
        | Prim.ArgSort _
        | Prim.Overlap _
        | Prim.Cholesky _
        | Prim.TriangularSolve _
        | Prim.Solve _
        | Prim.Determinant _ -> Role.Kernel

    /// The schedule of a program: for each value its role, stage and users.
    [<NoComparison>]
    type Schedule = {
        Roles: Role[]
        Stages: int[]
        /// The values that use each value.
        Users: int list[]
    }

    let private stageOf (roles: Role[]) (stages: int[]) value (prim: Prim<int>) =
        let latest = Prim.operands prim |> Array.fold (fun s o -> max s stages[o]) 0

        match roles[value] with
        | Role.Given -> 0
        | Role.Elementwise -> latest
        | Role.Kernel -> latest + 1
        | Role.Movement ->
            // A view needs its operand in memory, so a region must have ended; a reshape may turn out to need
            // a copy.
            match prim with
            | Prim.Reshape _ -> latest + 1
            | _ ->
                if Prim.operands prim |> Array.exists (fun o -> roles[o] = Role.Elementwise) then
                    latest + 1
                else
                    latest

    /// Moves a value that only a later region uses into that region: it is then never written to memory.
    let private sink (program: Program) (schedule: Schedule) =
        let inputs = program.Inputs.Length

        let {
                Roles = roles
                Stages = stages
                Users = users
            } =
            schedule

        let isOutput = Array.zeroCreate<bool> roles.Length
        program.Outputs |> Array.iter (fun o -> isOutput[o] <- true)

        for value in roles.Length - 1 .. -1 .. inputs do
            if
                roles[value] = Role.Elementwise
                && not isOutput[value]
                && not users[value].IsEmpty
            then
                let inRegion = users[value] |> List.forall (fun u -> roles[u] = Role.Elementwise)
                let target = users[value] |> List.map (fun u -> stages[u]) |> List.distinct

                // Worth it when no more values must be kept for it than it would have kept itself.
                let keeps =
                    Prim.operands program.Steps[value - inputs].Prim
                    |> Array.filter (fun o -> roles[o] = Role.Elementwise)

                let isFree = keeps.Length = 0 || (keeps.Length = 1 && users[keeps[0]] = [ value ])

                match target with
                | [ stage ] when inRegion && isFree -> stages[value] <- stage
                | _ -> ()

    let ofProgram (program: Program) : Schedule =
        let inputs = program.Inputs.Length
        let count = inputs + program.Steps.Length
        let users = Array.create count []

        let roles =
            Array.init count (fun v ->
                if v < inputs then
                    Role.Given
                else
                    role program.Steps[v - inputs].Prim)

        let stages = Array.zeroCreate<int> count

        for value in inputs .. count - 1 do
            let prim = program.Steps[value - inputs].Prim
            stages[value] <- stageOf roles stages value prim

            for o in Prim.operands prim |> Array.distinct do
                users[o] <- value :: users[o]

        let schedule = {
            Roles = roles
            Stages = stages
            Users = users
        }

        sink program schedule
        schedule
