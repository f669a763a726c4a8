namespace FunctionalDL.Core

open System

/// The error function and its inverse, to a few units in the last place of float64 (the inverse loses more of them as it nears ±1).
[<RequireQualifiedAccess>]
module internal ErrorFunction =

    let private slopeAtZero = 2.0 / sqrt Math.PI

    /// `(-1)ⁿ / (n! (2n + 1))`, the coefficients of Taylor's series of `erf x / x` in `x²` over `2/√π`.
    let private coefficients =
        let factorials = Array.scan (fun f n -> f * float n) 1.0 [| 1..25 |]

        factorials
        |> Array.mapi (fun n f -> (if n % 2 = 0 then 1.0 else -1.0) / (f * float (2 * n + 1)))

    /// `erf x = 2/√π · ∫₀ˣ exp(-t²) dt`: Taylor's series below 1, and above it 1 less a continued fraction of the
    /// complement, whose own error then counts little. M. Abramowitz, I. Stegun, "Handbook of mathematical
    /// functions", 7.1.5 and 7.1.14.
    let erf x =
        let size = abs x

        if Double.IsNaN x then
            x
        elif size < 1.0 then
            slopeAtZero * x * Array.foldBack (fun c sum -> sum * x * x + c) coefficients 0.0
        elif size > 6.0 then
            // 1 - erf 6 is 2e-17, below half a unit in the last place of 1.
            float (sign x)
        else
            let fraction =
                Seq.fold (fun f k -> size + float k / 2.0 / f) size (seq { 300..-1..1 })

            float (sign x) * (1.0 - exp (-size * size) / (sqrt Math.PI * fraction))

    /// The number whose error function is `y`: infinite at ±1 and NaN beyond. Newton's method from a start that is right
    /// in the tails and at 0.
    let inverse y =
        if Double.IsNaN y || abs y > 1.0 then
            Double.NaN
        elif abs y = 1.0 then
            y * Double.PositiveInfinity
        elif y = 0.0 then
            y
        else
            // S. Winitzki, "A handy approximation for the error function and its inverse", 2008.
            let a = 0.147
            let log1 = log ((1.0 - y) * (1.0 + y))
            let b = 2.0 / (Math.PI * a) + log1 / 2.0
            let start = float (sign y) * sqrt (sqrt (b * b - log1 / a) - b)

            let newton x _ =
                x - (erf x - y) / (slopeAtZero * exp (-x * x))

            Seq.fold newton start (seq { 1..4 })
