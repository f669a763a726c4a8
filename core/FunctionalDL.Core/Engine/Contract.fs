namespace FunctionalDL.Core

open System.Diagnostics

/// What an engine says of an index that points outside its axis.
[<RequireQualifiedAccess>]
module internal IndexError =

    let message operation (index: int64) length position =
        $"{operation}: index {index} at flat position {position} is outside 0 to {length - 1}; "
        + $"labels and indices must be smaller than the {length} places of the axis they choose from"

/// What an engine says of a matrix that an operation has no answer for.
[<RequireQualifiedAccess>]
module internal MatrixError =

    let notPositiveDefinite matrix =
        $"cholesky: matrix {matrix} of the batch is not positive definite; add a small multiple of the identity to it"

    let singular matrix =
        $"solve: matrix {matrix} of the batch is singular; its rows depend on each other"

/// Watching the steps of a plan.
[<RequireQualifiedAccess>]
module internal StepTimes =

    /// The medians of the seconds of each step, given what each of several runs noted: a time stamp before
    /// every step and one after the last.
    let medians (names: string[]) (runs: int64[][]) =
        let seconds step (stamps: int64[]) =
            Stopwatch.GetElapsedTime(stamps[step], stamps[step + 1]).TotalSeconds

        names
        |> Array.mapi (fun step name ->
            let sorted = runs |> Array.map (seconds step) |> Array.sort
            struct (name, sorted[sorted.Length / 2]))

/// A step of a loop: a run whose first inputs are a state, and whose first outputs the state after it.
[<NoComparison; NoEquality>]
type LoopTurn = {
    /// What tells this loop from others.
    Loop: obj
    /// How many inputs are the state.
    Given: int
    /// How many outputs are the next one.
    Made: int
}

/// A program made ready by an engine. It may be run from several threads at once.
type IExecutable =

    /// The outputs for these inputs (in the program's order, accepted by the engine before) and these
    /// literals (in the order of `Program.literals`; null for the program's own). Raises ValueException for
    /// element values that an operation refuses.
    abstract Run: inputs: Storage[] * literals: Literal[] -> Storage[]

    /// Like `Run` with the program's own literals. Where the state that comes in was made by the same loop, parts of
    /// the next one may be written over it: reading such a part of the old one raises ValueException from then on. When
    /// it raises itself, the state is as it was.
    abstract Advance: inputs: Storage[] * turn: LoopTurn -> Storage[]

    /// The plan as text, for whoever wants to know what will run.
    abstract Print: unit -> string

    /// Runs it like `Run`, several times, and tells what it does in order: the name of each step of the plan
    /// and the median of the seconds that it took.
    abstract Profile: inputs: Storage[] * literals: Literal[] * runs: int -> struct (string * float)[]

/// What computes. An engine is given flat programs and storages, never graphs or host pointers, so that it
/// may live on another device. Engines hold no user-visible state: two runs of one program on one set of
/// inputs give the same bits.
type IEngine =

    /// The name the user knows it by: `cpu`, `reference`.
    abstract Name: string

    /// The same elements in this engine's memory; the storage itself when they are there already.
    abstract Accept: storage: Storage -> Storage

    /// Makes a program ready to run, any number of times.
    abstract Compile: program: Program -> IExecutable
