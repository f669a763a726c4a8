namespace FunctionalDL.Data

open System
open System.Globalization

/// Where an axis has ticks, and what they say.
module internal Ticks =

    /// A distance of 1, 2 or 5 times a power of ten.
    type Step = { Mantissa: float; Exponent: int }

    /// The tick of number `i`. Dividing by powers of ten is exact where multiplying by 0.1 is not.
    let at (step: Step) (i: float) : float =
        if step.Exponent < 0 then
            i * step.Mantissa / 10.0 ** float -step.Exponent
        else
            i * step.Mantissa * 10.0 ** float step.Exponent

    /// The smallest nice distance that divides `span` into at most `count` parts.
    let step (count: int) (isWhole: bool) (span: float) : Step =
        let raw = span / float count
        let exponent = int (floor (log10 raw))
        let mantissa = raw / 10.0 ** float exponent

        // A little room, so that rounding does not make a fifth into two fifths.
        match List.tryFind (fun nice -> mantissa <= nice * (1.0 + 1e-9)) [ 1.0; 2.0; 5.0 ] with
        | _ when isWhole && exponent < 0 -> { Mantissa = 1.0; Exponent = 0 }
        | Some nice -> { Mantissa = nice; Exponent = exponent }
        | None -> {
            Mantissa = 1.0
            Exponent = exponent + 1
          }

    /// A tick's value with as many digits as its step needs.
    let label (step: Step) (value: float) : string =
        let format =
            if abs step.Exponent <= 5 then
                $"F{max 0 -step.Exponent}"
            elif value = 0.0 then
                "0"
            else
                // A value that is a power of ten but for rounding is one.
                let largest = int (floor (log10 (abs value) + 1e-9))
                "0." + String('#', max 0 (largest - step.Exponent)) + "e0"

        value.ToString(format, CultureInfo.InvariantCulture)

    /// `exponent` raised: `10⁻⁵`.
    let private power (exponent: int) : string =
        let raised (c: char) =
            match c with
            | '-' -> '⁻'
            | '1' -> '¹'
            | '2' -> '²'
            | '3' -> '³'
            | digit -> char (int '⁰' + int digit - int '0')

        "10" + String.map raised (exponent.ToString CultureInfo.InvariantCulture)

    /// A tick of a logarithmic axis: a power of ten, or 2 or 5 times one.
    let logLabel (mantissa: float) (exponent: int) : string =
        if abs exponent <= 3 then
            (mantissa * 10.0 ** float exponent).ToString("G3", CultureInfo.InvariantCulture)
        elif mantissa = 1.0 then
            power exponent
        else
            mantissa.ToString("G3", CultureInfo.InvariantCulture) + "·" + power exponent
