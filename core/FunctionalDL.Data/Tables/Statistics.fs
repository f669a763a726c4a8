namespace FunctionalDL.Data

open System

/// Numbers that describe a column; missing ones are passed over.
[<RequireQualifiedAccess>]
module Statistics =

    let private present (values: float[]) =
        values |> Array.filter (Double.IsNaN >> not)

    /// The middle one of the sorted values, or the mean of the two in the middle. NaN when there is none.
    let median (values: float[]) : float =
        let sorted = Array.sort (present values)

        match sorted.Length with
        | 0 -> nan
        | n when n % 2 = 1 -> sorted[n / 2]
        | n -> (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0

    /// The value that appears most often; the smallest of those that do. NaN when there is none.
    let mode (values: float[]) : float =
        match Array.countBy id (present values) with
        | [||] -> nan
        | counts -> counts |> Array.minBy (fun (value, count) -> -count, value) |> fst

    /// Mean and standard deviation of a sample (divided by n - 1). NaN when there are too few values.
    let meanAndStd (values: float[]) : float * float =
        let values = present values

        match values.Length with
        | 0 -> nan, nan
        | n ->
            let mean = Array.average values
            mean, Math.Sqrt((values |> Array.sumBy (fun x -> (x - mean) * (x - mean))) / float (n - 1))
