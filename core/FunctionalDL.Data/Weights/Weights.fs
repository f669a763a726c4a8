namespace FunctionalDL.Data

open System
open System.IO
open System.Runtime.InteropServices

/// Weights from the files of any library that is known here.
[<RequireQualifiedAccess>]
module Weights =

    /// A tensor whose elements of half the size become the float32 that they stand for, exactly.
    let private widen (toSingle: int16 -> float32) (tensor: StoredTensor) : StoredTensor =
        let halves = MemoryMarshal.Cast<byte, int16> tensor.Bytes.Span
        let bytes = Array.zeroCreate<byte>(2 * tensor.Bytes.Length)
        let singles = MemoryMarshal.Cast<byte, float32>(Span bytes)

        for i in 0 .. halves.Length - 1 do
            singles[i] <- toSingle halves[i]

        {
            tensor with
                DType = "F32"
                Bytes = ReadOnlyMemory bytes
        }

    let private widened (path: string) (tensor: StoredTensor) : StoredTensor =
        if
            (tensor.DType = "F16" || tensor.DType = "BF16")
            && tensor.Bytes.Length > Array.MaxLength / 2
        then
            Fail.data
                path
                $"tensor {Text.quote tensor.Name} is more than an array holds as float32"
                "save it in parts"

        match tensor.DType with
        | "F16" -> tensor |> widen (fun bits -> float32 (BitConverter.Int16BitsToHalf bits))
        // The upper half of a float32.
        | "BF16" -> tensor |> widen (fun bits -> BitConverter.Int32BitsToSingle(int bits <<< 16))
        | _ -> tensor

    /// The tensors of a safetensors file or of a state dictionary by `torch.save`, in the file's order; the content says which of
    /// them it is. Elements of 16 bits (`F16`, `BF16`) become `F32`; all others are as the file has them.
    ///
    /// *Errors:* `DataException`, as those of `Safetensors.read` and `Torch.read`.
    let read (path: string) : StoredTensor[] =
        let isTorch = Fail.reading path "a file of weights" Torch.isTorch

        let tensors =
            if isTorch then
                Torch.read path
            else
                (Safetensors.read path).Tensors

        tensors |> Array.map (widened path)
