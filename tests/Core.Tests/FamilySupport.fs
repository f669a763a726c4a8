/// Checking functions that are composed of primitives: values against plain loops, gradients against central
/// differences.
module FunctionalDL.Tests.FamilySupport

open System
open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// 2^-17: the error of the difference itself and that of rounding are both about 1e-10 for smooth functions
/// of size 1.
let private step = 7.62939453125e-6

let private weighted (weights: float[]) (y: Tensor) =
    Tensor.sum (y * float64s (dimsOf y) weights)

/// Weights for the elements of an output, no two equal.
let private weightsOf (y: Tensor) =
    Array.init y.Shape.Size (fun i -> 1.0 + 0.25 * float (i % 5) - 0.125 * float (i % 3))

/// The gradient of the sum of `f`'s elements on an engine.
let gradientOn engine (f: Tensor -> Tensor) (x: Tensor) =
    floatsOn engine (grad (f >> Tensor.sum) x)

/// Fails unless the gradient of a weighted sum of `f`'s elements is the central difference along every
/// element of `x` (float64).
let gradientIsDifference (what: string) engine (f: Tensor -> Tensor) (shape: int list) (x: float[]) =
    let weights = weightsOf (f (float64s shape x))

    let value (x: float[]) =
        itemOn engine (weighted weights (f (float64s shape x)))

    let moved i by =
        let copy = Array.copy x
        copy[i] <- copy[i] + by
        value copy

    let expected =
        Array.init x.Length (fun i -> (moved i step - moved i -step) / (2.0 * step))

    floatsOn engine (grad (f >> weighted weights) (float64s shape x))
    |> shouldBeClose $"{what}: gradient" 1e-7 expected

/// Seeded numbers of a normal-like spread, off the grid where kinks sit.
let numbers seed (shape: int list) =
    let rng = Random(seed: int)

    Array.init (elements shape) (fun _ -> 3.0 * (rng.NextDouble() + rng.NextDouble() - 1.0) + 0.001)

/// All positions of a shape, outermost axis first.
let positions (shape: int list) : int list list =
    List.foldBack
        (fun size rest -> [
            for i in 0 .. size - 1 do
                for r in rest -> i :: r
        ])
        shape
        [ [] ]

/// The element at a position of a row-major array.
let at (shape: int list) (x: float[]) (position: int list) =
    x[List.fold2 (fun flat size i -> flat * size + i) 0 shape position]
