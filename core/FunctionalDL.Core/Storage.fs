namespace FunctionalDL.Core

open System
open System.Runtime.InteropServices

/// Memory of an engine that holds the elements of one realised tensor, row-major and contiguous. Written
/// once, when it is made. The collector returns it; there is nothing to dispose.
[<AbstractClass; AllowNullLiteral>]
type Storage(tensorType: TensorType) =

    /// Shape and type of the tensor it was made for.
    member _.Type = tensorType

    /// The loop that made it as part of a state and may write the next state over it; null for none. Only a storage
    /// that nothing but that state shows may have one.
    member val internal Loop: obj = null with get, set

    /// Copies all elements, as raw bytes in the machine's order, into `target`, which has exactly that many
    /// bytes.
    abstract Read: target: Span<byte> -> unit

/// Reading a storage as .NET values.
[<RequireQualifiedAccess>]
module Storage =

    /// A copy of the elements as an array whose element type has the size of the storage's.
    let toArray<'t when 't: unmanaged and 't: (new: unit -> 't) and 't: struct and 't :> ValueType>
        (storage: Storage)
        : 't[] =
        let values = Array.zeroCreate<'t> storage.Type.Shape.Size
        storage.Read(MemoryMarshal.AsBytes(values.AsSpan()))
        values
