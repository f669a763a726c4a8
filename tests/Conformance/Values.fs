namespace FunctionalDL.Conformance

open System
open FunctionalDL.Core

/// How far from the expected numbers the computed ones may be.
[<RequireQualifiedAccess>]
type Tolerance =
    /// In float64: `atol + rtol · |expected|`, element by element, as the case says.
    | Element of rtol: float * atol: float
    /// In float32: `share · max |expected| + 1e-6` for all elements of a tensor, whose expected numbers are
    /// rounded to float32 first.
    | Tensor of share: float

/// Tensors of cases as tensors of the library, and back.
[<RequireQualifiedAccess>]
module Values =

    /// The type a value has in a run in `real`: real numbers take it, all else keeps its own.
    let runType (real: DType) (value: Value) =
        if DType.isFloat value.DType then real else value.DType

    /// The value as a tensor, in a run in `real`.
    let toTensor (real: DType) (value: Value) : Tensor =
        match runType real value with
        | DType.Bool -> Tensor.ofBools value.Shape (Array.map (fun x -> x <> 0.0) value.Data)
        | DType.UInt8 -> Tensor.ofBytes value.Shape (Array.map uint8 value.Data)
        | DType.Int32 -> Tensor.ofInt32s value.Shape (Array.map int32 value.Data)
        | DType.Int64 -> Tensor.ofInt64s value.Shape (Array.map int64 value.Data)
        | DType.Float32 -> Tensor.ofFloat32s value.Shape (Array.map float32 value.Data)
        | DType.Float64 -> Tensor.ofFloats value.Shape value.Data

    /// Tensors computed together on an engine.
    let ofTensors (engine: IEngine) (tensors: Tensor list) : Value list =
        // The cast belongs to what the engine computes: `toFloats` alone would cast on another one.
        let wide = tensors |> List.map (Tensor.cast DType.Float64)
        Tensor.evalOn engine wide

        List.map2
            (fun (tensor: Tensor) wide -> {
                DType = tensor.DType
                Shape = List.ofArray (tensor.Shape.ToArray())
                Data = Tensor.toFloats wide
            })
            tensors
            wide

    /// `[1; 2]` for the flat position of that element.
    let private index (shape: int list) (position: int) =
        let step size (rest, axes) = rest / size, rest % size :: axes
        let _, axes = List.foldBack step shape (position, [])
        $"%A{axes}"

    /// How far apart the numbers are: 0 for equal infinities and for NaN against NaN, infinite when only
    /// one is NaN.
    let private distance (expected: float) (got: float) =
        if expected.Equals got then
            0.0
        else
            let distance = abs (got - expected)
            if Double.IsNaN distance then infinity else distance

    /// What is wrong with a computed value, if anything. `expected` is what the file says.
    let difference (real: DType) (tolerance: Tolerance) (expected: Value) (got: Value) : string option =
        let dtype = runType real expected

        let numbers =
            if dtype = DType.Float32 then
                expected.Data |> Array.map (fun x -> float (float32 x))
            else
                expected.Data

        let largest () =
            numbers
            |> Array.filter Double.IsFinite
            |> Array.fold (fun m x -> max m (abs x)) 0.0

        let allowed: float -> float =
            match tolerance with
            | _ when not (DType.isFloat dtype) -> fun _ -> 0.0
            | Tolerance.Element(rtol, atol) -> fun e -> if Double.IsFinite e then atol + rtol * abs e else 0.0
            | Tolerance.Tensor share ->
                let all = share * largest () + 1e-6
                fun e -> if Double.IsFinite e then all else 0.0

        if got.DType <> dtype then
            Some $"expected dtype {dtype}, got {got.DType}"
        elif got.Shape <> expected.Shape then
            Some $"expected shape %A{expected.Shape}, got %A{got.Shape}"
        else
            let excess = Array.map2 (fun e g -> distance e g - allowed e) numbers got.Data

            let wrong = excess |> Array.filter (fun x -> not (x <= 0.0)) |> Array.length

            if wrong = 0 then
                None
            else
                let worst = Array.IndexOf(excess, Array.max excess)

                Some(
                    $"element {index expected.Shape worst} expected {numbers[worst]}, got {got.Data[worst]}, "
                    + $"allowed {allowed numbers[worst]:g3} ({wrong} of {excess.Length} elements differ)"
                )
