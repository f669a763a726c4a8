namespace FunctionalDL.Core

open System

/// Elements in the managed memory of the process: where user data starts, and where the Reference engine
/// computes.
[<Sealed; AllowNullLiteral>]
type HostStorage(tensorType: TensorType, bytes: byte[]) =
    inherit Storage(tensorType)

    override _.Read target = bytes.AsSpan().CopyTo target

/// Making host storages.
[<RequireQualifiedAccess>]
module HostStorage =

    /// A copy of the values, whose element type must have the size of `tensorType`'s. Raises ShapeException
    /// when the count differs.
    let ofSpan (tensorType: TensorType) (bytes: ReadOnlySpan<byte>) =
        let size = DType.size tensorType.DType

        if bytes.Length <> tensorType.Shape.Size * size then
            Fail.shape
                $"tensor: {bytes.Length / size} values for shape {tensorType.Shape}, which has {tensorType.Shape.Size}"

        HostStorage(tensorType, bytes.ToArray()) :> Storage
