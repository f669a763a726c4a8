/// What the lessons share: options, pictures, quantities with their verdicts, and the page.
module Lesson

#r "../../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Kernels.dll"
#r "../../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Core.dll"
#r "../../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Data.dll"

open System
open System.Diagnostics
open System.Globalization
open System.IO
open FunctionalDL.Core
open FunctionalDL.Data

// ---- options ----------------------------------------

type Options = {
    /// A folder with MNIST's four files, `data/digits` where none is given; or what else a script asks for.
    Data: string
    /// Where the page goes.
    Out: string
    /// The seed of everything random. The course seeds nothing on purpose: try other ones.
    Seed: int64
    /// The file `plotly.min.js`, for figures that can be zoomed.
    Plotly: string option
    /// Less of everything that is repeated: for a quick check of the script. Bands that need all of it do not
    /// apply then.
    IsQuick: bool
}

let private root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, "..", ".."))

/// The options of the command line of the script of this name in a folder of scripts, whose own data are in a folder of `data`; ends the
/// program when they make no sense.
let optionsIn (folder: string) (name: string) (data: string) (arguments: string seq) : Options =
    let usage =
        $"usage: dotnet fsi scripts/{folder}/{name}.fsx [--data DIR] [--out FILE] [--seed N] [--plotly FILE] [--quick]"

    let rec read (options: Options) arguments =
        match arguments with
        | "--data" :: folder :: rest -> read { options with Data = folder } rest
        | "--out" :: file :: rest -> read { options with Out = file } rest
        | "--plotly" :: file :: rest -> read { options with Plotly = Some file } rest
        | "--quick" :: rest -> read { options with IsQuick = true } rest
        | "--seed" :: (number: string) :: rest ->
            match Int64.TryParse number with
            | true, seed -> read { options with Seed = seed } rest
            | _ -> Error $"{number} is no whole number"
        | [] -> Ok options
        | other :: _ -> Error $"{other} is no option, or something is missing after it"

    let defaults = {
        Data = Path.Combine(root, "data", data)
        Out = Path.Combine(root, "runs", folder, name + ".html")
        Seed = 1L
        Plotly = None
        IsQuick = false
    }

    // The first is the script.
    match read defaults (arguments |> Seq.skip 1 |> List.ofSeq) with
    | Ok options -> options
    | Error message ->
        eprintfn $"{message}\n{usage}"
        exit 2

/// The options of a script of lesson 9.
let options name arguments =
    optionsIn "lesson09" name "digits" arguments

// ---- pictures ----------------------------------------

/// Pictures as rows of pixels in [0, 1), with their labels (int64).
type Digits = {
    TrainX: Tensor
    TrainY: Tensor
    ValidX: Tensor
    ValidY: Tensor
    /// Whether they are MNIST's 60,000, of which the bands speak.
    IsMnist: bool
}

/// The first five sixths of the training pictures of a folder, and the rest for validation: 50,000 and 10,000
/// of MNIST. Bytes are divided by 256, as in the file that the course loads, not by 255.
let digits (options: Options) : Digits =
    let part =
        try
            (Idx.readDataset options.Data).Train
        with :? DataException as e ->
            eprintfn $"{e.Message}"
            exit 2

    let count = part.Labels.Bytes.Length
    let train = count * 5 / 6
    let pixels = part.Images.Bytes.Length / count
    let labels = part.Labels.Bytes |> Array.map int64

    let pictures from upTo =
        part.Images.Bytes[from * pixels .. upTo * pixels - 1]
        |> Tensor.ofBytes [ upTo - from; pixels ]
        |> Tensor.cast DType.Float32
        |> fun x -> x / 256.0

    let y = Tensor.ofInt64s [ count ] labels

    let digits = {
        TrainX = pictures 0 train
        TrainY = Tensor.narrow 0 0 train y
        ValidX = pictures train count
        ValidY = Tensor.narrow 0 train (count - train) y
        IsMnist = count = 60000 && labels[..4] = [| 5L; 0L; 4L; 1L; 9L |]
    }

    Tensor.eval [ digits.TrainX; digits.ValidX ]
    digits

/// Some of the pictures, in a grid.
let gallery title columns (x: Tensor) (captions: string seq) : Figure =
    let size = int (sqrt (float x.Shape[1]))

    let shades =
        x * 256.0 |> Tensor.cast DType.UInt8 |> Tensor.toInt64s |> Array.map byte

    captions
    |> Seq.mapi (fun i caption ->
        let pixels = shades[i * size * size .. (i + 1) * size * size - 1]
        Figure.picture caption [ Trace.greyImage size size pixels ])
    |> Figure.grid title columns

// ---- numbers ----------------------------------------

/// Mean and standard deviation, as the lessons print them: the deviation is that of a sample, with n - 1.
let stats (x: Tensor) : float * float =
    let x = Tensor.cast DType.Float64 x
    Tensor.item (Tensor.mean x), Tensor.item (Tensor.std 1 [] x)

/// The rule of the golden weights: element k is `scale · sin(phase + 0.7 k)`, computed in float64.
let sines dtype (shape: int list) (scale: float) (phase: float) : Tensor =
    Array.init (List.fold (*) 1 shape) (fun k -> scale * sin (phase + 0.7 * float k))
    |> Tensor.ofFloats shape
    |> Tensor.cast dtype

/// The largest difference of two tensors, in units of the course's tolerance `1e-5 + 1e-3 |b|`: they are near
/// when it is at most 1.
let distance (a: Tensor) (b: Tensor) : float =
    Tensor.abs (a - b) / (1e-5 + 1e-3 * Tensor.abs b) |> Tensor.amax |> Tensor.item

/// Seconds of the fastest of three runs; the one before them makes the plan.
let seconds (run: unit -> unit) : float =
    run ()

    [ 1..3 ]
    |> List.map (fun _ ->
        let clock = Stopwatch.StartNew()
        run ()
        clock.Elapsed.TotalSeconds)
    |> List.min

/// The sizes of a tensor.
let sizes (x: Tensor) : string =
    "(" + String.Join(", ", x.Shape.ToArray()) + ")"

/// With a minus sign, at which no line is broken.
let private invariant (format: string) (value: float) =
    value.ToString(format, CultureInfo.InvariantCulture).Replace('-', '−')

/// A number as the lessons print it, with four significant digits at least.
let shown (value: float) : string =
    if value = 0.0 || abs value >= 1e-3 && abs value < 1e5 then
        let digits =
            if abs value >= 1000.0 then "0.#"
            elif abs value >= 10.0 then "0.##"
            else "0.####"

        invariant digits value
    else
        invariant "0.###e0" value

/// A time as people say it.
let duration (seconds: float) : string =
    if seconds >= 1.0 then
        invariant "0.0" seconds + " s"
    elif seconds >= 1e-3 then
        invariant "0.0" (1e3 * seconds) + " ms"
    else
        invariant "0.0" (1e6 * seconds) + " µs"

// ---- verdicts ----------------------------------------

/// Where a number is expected.
type Band =
    | Near of value: float * tolerance: float
    | Between of low: float * high: float
    | AtLeast of float
    | AtMost of float

module Band =

    let contains (value: float) band =
        match band with
        | Near(expected, tolerance) -> abs (value - expected) <= tolerance
        | Between(low, high) -> low <= value && value <= high
        | AtLeast low -> value >= low
        | AtMost high -> value <= high

    /// A number with as many digits as the band needs to tell it from others.
    let digits band value =
        match band with
        | Near(_, tolerance) when tolerance > 0.0 && tolerance < 1e-4 && abs value >= 1e-4 && abs value < 1e4 ->
            invariant ("0." + String('#', min 16 (int (ceil -(log10 tolerance)) + 1))) value
        | Near _
        | Between _
        | AtLeast _
        | AtMost _ -> shown value

    let show band =
        match band with
        | Near(expected, 0.0) -> shown expected
        | Near(expected, tolerance) ->
            let digits = max 4 (int (ceil -(log10 tolerance)) + 1)
            invariant ("0." + String('#', min 16 digits)) expected + " ± " + shown tolerance
        | Between(low, high) -> $"{shown low} to {shown high}"
        | AtLeast low -> $"≥ {shown low}"
        | AtMost high -> $"≤ {shown high}"

/// A quantity of the lesson, and ours. Without a verdict it is told only.
type Check = {
    /// The quantity's number in the list of expected results, and the rows of the checklist that ask for it.
    Id: string
    Quantity: string
    /// What the course's notebook shows.
    Printed: string
    Ours: string
    Expected: string
    Verdict: bool option
}

module Check =

    /// Numbers in bands: each has a name, its band and its value.
    let numbers id quantity printed (values: (string * Band * float) list) : Check =
        let named (name: string) text =
            if name = "" then text else $"{name} {text}"

        let joined texts = String.concat ", " texts

        {
            Id = id
            Quantity = quantity
            Printed = printed
            Ours = values |> List.map (fun (_, band, value) -> Band.digits band value) |> joined
            Expected =
                values
                |> List.map (fun (name, band, _) -> named name (Band.show band))
                |> joined
            Verdict = Some(values |> List.forall (fun (_, band, value) -> Band.contains value band))
        }

    /// One number in a band.
    let number id quantity printed band value =
        numbers id quantity printed [ ("", band, value) ]

    /// Mean and standard deviation of a tensor in their bands.
    let stats id quantity printed mean std x =
        let ourMean, ourStd = stats x
        numbers id quantity printed [ "mean", mean, ourMean; "std", std, ourStd ]

    /// Text that is exactly this.
    let text id quantity printed (expected: string) (ours: string) : Check = {
        Id = id
        Quantity = quantity
        Printed = printed
        Ours = ours
        Expected = expected
        Verdict = Some(ours = expected)
    }

    /// Something that is so; `ours` is how it shows.
    let holds id quantity printed expected (ours: string) isSo : Check = {
        Id = id
        Quantity = quantity
        Printed = printed
        Ours = ours
        Expected = expected
        Verdict = Some isSo
    }

    /// Pairs of tensors that are near each other.
    let near id quantity printed (pairs: (Tensor * Tensor) list) : Check =
        let worst = pairs |> List.map (fun (a, b) -> distance a b) |> List.max

        {
            Id = id
            Quantity = quantity
            Printed = printed
            Ours = $"{shown worst} of the tolerance"
            Expected = "differences within 1e-5 + 1e-3 |b|"
            Verdict = Some(worst <= 1.0)
        }

    /// Something that depends on the machine.
    let told id quantity printed ours : Check = {
        Id = id
        Quantity = quantity
        Printed = printed
        Ours = ours
        Expected = "for information"
        Verdict = None
    }

    /// The same without a verdict unless a condition of its band is met, and what that is.
    let onlyIf condition why (check: Check) : Check =
        if condition then
            check
        else
            {
                check with
                    Expected = $"{check.Expected} ({why})"
                    Verdict = None
            }

    /// The same with a verdict for MNIST's pictures only.
    let ofMnist (digits: Digits) check =
        onlyIf digits.IsMnist "of MNIST's pictures: does not apply" check

// ---- the page ----------------------------------------

/// Text whose paragraphs are divided by empty lines, with its lines joined.
let text (paragraphs: string) : Block list =
    paragraphs.Replace("\r", "").Split "\n\n"
    |> Array.map (fun paragraph ->
        paragraph.Split([| ' '; '\n' |], StringSplitOptions.RemoveEmptyEntries)
        |> String.concat " ")
    |> Array.filter (fun paragraph -> paragraph <> "")
    |> Array.map Block.Paragraph
    |> List.ofArray

/// Formulas or code, line by line, without the indentation that all lines have.
let formula (lines: string) : Block list =
    let lines = lines.Replace("\r", "").Trim('\n').TrimEnd().Split '\n'

    let indent =
        lines
        |> Array.filter (fun line -> line.Trim() <> "")
        |> Array.map (fun line -> line.Length - line.TrimStart().Length)
        |> Array.min

    [
        lines
        |> Array.map (fun line -> line.Substring(min indent line.Length))
        |> String.concat "\n"
        |> Block.Code
    ]

let figures (figures: Figure list) : Block list = [ Block.Figures figures ]

let section title (blocks: Block list list) : Section = {
    Title = title
    Blocks = List.concat blocks
}

let private verdict (check: Check) =
    match check.Verdict with
    | Some true -> "holds"
    | Some false -> "FAILS"
    | None -> "—"

let private results (checks: Check list) =
    let count isIt =
        checks |> List.filter isIt |> List.length |> string

    section "What came out" [
        [
            Block.Highlights [
                {
                    Name = "verdict: holds"
                    Value = count (fun c -> c.Verdict = Some true)
                }
                {
                    Name = "verdict: fails"
                    Value = count (fun c -> c.Verdict = Some false)
                }
                {
                    Name = "without a verdict"
                    Value = count (fun c -> c.Verdict.IsNone)
                }
            ]
        ]
        text
            """
            Random quantities were drawn anew here, with a seed of our own; their bands hold all of many draws with
            PyTorch. "Lesson" is what the course's notebook shows: one draw, not a target. A row of the checklist is
            named where a quantity answers it.
            """
        [
            Block.Records(
                [ "number"; "quantity"; "lesson"; "ours"; "expected"; "verdict" ],
                checks
                |> List.map (fun c -> [ c.Id; c.Quantity; c.Printed; c.Ours; c.Expected; verdict c ])
            )
        ]
    ]

/// Writes the page, prints the verdicts, and ends the program: 0 when all is as expected, 1 otherwise.
let finish (options: Options) (title: string) (sections: Section list) (checks: Check list) : unit =
    let all = sections @ [ results checks ]

    let page =
        match options.Plotly with
        | None -> Page.html title all
        | Some file -> Page.interactive (PlotlyScript.Inline(File.ReadAllText file)) title all

    let path = Path.GetFullPath options.Out
    Directory.CreateDirectory(string (Path.GetDirectoryName path)) |> ignore
    Page.write path page

    for c in checks do
        printfn $"{verdict c, -7}{c.Id}: {c.Quantity}: {c.Ours}; expected {c.Expected}; lesson {c.Printed}"

    let failed = checks |> List.filter (fun c -> c.Verdict = Some false)
    printfn $"{checks.Length} quantities, {failed.Length} not as expected: {path}"
    exit (if failed.IsEmpty then 0 else 1)
