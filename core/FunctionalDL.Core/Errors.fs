namespace FunctionalDL.Core

open System

/// The root of every error that the library itself raises. Its message is written for the user:
/// it names the operation, what was given, the rule that was broken and, where there is one, the nearest fix.
[<AllowNullLiteral>]
type FunctionalDLException(message: string) =
    inherit Exception(message)

/// Operand shapes that do not meet, raised while a graph is built, before anything is computed.
[<Sealed>]
type ShapeException(message: string) =
    inherit FunctionalDLException(message)

/// An element type that the operation does not take, raised while a graph is built.
[<Sealed>]
type DTypeException(message: string) =
    inherit FunctionalDLException(message)

/// An option outside its range (a negative size, momentum with an impossible dampening), raised before
/// anything is computed.
[<Sealed>]
type OptionException(message: string) =
    inherit FunctionalDLException(message)

/// Element values that the operation cannot take (an index out of range), raised at evaluation; no state has
/// been written.
[<Sealed>]
type ValueException(message: string) =
    inherit FunctionalDLException(message)

/// A value was asked of a symbol: a branch on a traced value, or a symbol that outlived its trace.
[<Sealed>]
type TraceException(message: string) =
    inherit FunctionalDLException(message)

/// A derivative that does not exist: forward mode through a rule that has a reverse only.
[<Sealed>]
type DerivativeException(message: string) =
    inherit FunctionalDLException(message)

/// Raising the library's errors.
[<RequireQualifiedAccess>]
module internal Fail =

    let shape message = raise (ShapeException message)
    let dtype message = raise (DTypeException message)
    let option message = raise (OptionException message)
    let value message = raise (ValueException message)
    let trace message = raise (TraceException message)
    let derivative message = raise (DerivativeException message)
