namespace FunctionalDL.Core

open System

/// The error function and its inverse, to a few units in the last place of float64.
[<RequireQualifiedAccess>]
module internal ErrorFunction =

    let private slopeAtZero = 2.0 / sqrt Math.PI

    /// `(-1)ⁿ / (n! (2n + 1))`, the coefficients of Taylor's series of `erf x / x` in `x²` over `2/√π`.
    let private coefficients =
        let factorials = Array.scan (fun f n -> f * float n) 1.0 [| 1..25 |]

        factorials
        |> Array.mapi (fun n f -> (if n % 2 = 0 then 1.0 else -1.0) / (f * float (2 * n + 1)))

    /// `1 - erf x` for `x` of at least 1, by a continued fraction. M. Abramowitz, I. Stegun, "Handbook of mathematical
    /// functions", 7.1.14.
    let private complement x =
        let fraction = Seq.fold (fun f k -> x + float k / 2.0 / f) x (seq { 300..-1..1 })

        exp (-x * x) / (sqrt Math.PI * fraction)

    /// `erf x = 2/√π · ∫₀ˣ exp(-t²) dt`: Taylor's series below 1, and above it 1 less
    /// the complement, whose own error then counts little. The same book, 7.1.5.
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
            float (sign x) * (1.0 - complement size)

    /// The number whose error function is `y`: infinite at ±1 and NaN beyond. Newton's method from a start that is right
    /// in the tails and at 0.
    let inverse y =
        let size = abs y

        if Double.IsNaN y || size > 1.0 then
            Double.NaN
        elif size = 1.0 then
            y * Double.PositiveInfinity
        elif y = 0.0 then
            y
        else
            // S. Winitzki, "A handy approximation for the error function and its inverse", 2008.
            let a = 0.147
            let log1 = log ((1.0 - size) * (1.0 + size))
            let b = 2.0 / (Math.PI * a) + log1 / 2.0
            let start = sqrt (sqrt (b * b - log1 / a) - b)

            // Near 1 the complements are compared, for their difference keeps digits that those of 1 have rounded away. `1 -
            // size` is exact there, and `x` is above 1.
            let excess x =
                if size < 0.85 then
                    erf x - size
                else
                    (1.0 - size) - complement x

            let newton x _ =
                x - excess x / (slopeAtZero * exp (-x * x))

            Math.CopySign(Seq.fold newton start (seq { 1..4 }), y)
