// Lesson 6: the sales of drug stores, some weeks ahead.
//
//     dotnet build -c Release
//     dotnet fsi scripts/lesson06/rossmann.fsx
//     dotnet fsi scripts/lesson06/rossmann.fsx -- --data DIR --rows N --epochs 5 --seed 1 --out FILE
//
// DIR holds tables of the Rossmann competition (2015): `store.csv`, `store_states.csv`, a folder `weather` with a file a state;
// and, where they are at hand, `train.csv`, `googletrend.csv` and `test.csv`; each plain or as `.csv.gz`. Without --data they are those
// of data/rossmann-small. Where there are no sales, scripts/make-rossmann.fsx makes N rows for the stores of DIR, or for stores of its
// own. --start ends with the first step of the first epoch. FILE is what would be handed in.

#r "../../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Kernels.dll"
#r "../../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Core.dll"
#r "../../core/FunctionalDL.Data/bin/Release/net10.0/CsvHelper.dll"
#r "../../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Data.dll"

open System
open System.Diagnostics
open System.Globalization
open System.IO
open FunctionalDL.Core
open FunctionalDL.Data

// ---- options -------------------------------------------------------------------------------------------------------

let root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, "..", ".."))

type Options = {
    Data: string option
    Rows: int option
    Epochs: int
    Seed: int64
    Out: string
    Start: bool
}

let rec read (options: Options) (arguments: string list) : Options =
    match arguments with
    | [] -> options
    | "--start" :: rest -> read { options with Start = true } rest
    | "--data" :: folder :: rest -> read ({ options with Data = Some folder }: Options) rest
    | "--out" :: file :: rest -> read { options with Out = file } rest
    | "--rows" :: (number: string) :: rest when fst (Int32.TryParse number) && int number > 0 ->
        read { options with Rows = Some(int number) } rest
    | "--epochs" :: (number: string) :: rest when fst (Int32.TryParse number) && int number > 0 ->
        read { options with Epochs = int number } rest
    | "--seed" :: (number: string) :: rest when fst (Int64.TryParse number) ->
        read { options with Seed = int64 number } rest
    | other :: _ ->
        eprintfn $"{other} is no option, or something is missing after it"

        eprintfn
            "usage: rossmann.fsx -- [--data DIR] [--rows N] [--epochs N] [--seed N] [--out FILE] [--start]"

        exit 2

let options =
    fsi.CommandLineArgs
    |> List.ofArray
    |> List.skip 1
    |> List.filter ((<>) "--")
    |> read {
        Data = None
        Rows = None
        Epochs = 5
        Seed = 1L
        Out = Path.Combine(root, "runs", "lesson06", "submission.csv")
        Start = false
    }

let fail code (message: string) : 'a =
    eprintfn $"{message}"
    exit code

let key = Key.ofSeed options.Seed

// ---- where the tables are ------------------------------------------------------------------------------------------

let tryFind (name: string) (folder: string) =
    [ name; name + ".gz" ]
    |> List.map (fun file -> Path.Combine(folder, file))
    |> List.tryFind File.Exists

/// The folders to look into, in order, and whether the sales follow the rule of scripts/make-rossmann.fsx.
let folders, isMade =
    let given = defaultArg options.Data (Path.Combine(root, "data", "rossmann-small"))

    match tryFind "train.csv" given, options.Rows with
    | Some _, None -> [ given ], options.Data.IsNone
    | Some train, Some _ when options.Data.IsSome ->
        fail 2 $"{train}: these are sales already; leave --rows out"
    | _ ->
        let made = Path.Combine(root, "runs", "rossmann")

        let arguments = [
            "fsi"
            Path.Combine(root, "scripts", "make-rossmann.fsx")
            for folder in Option.toList options.Data do
                "--sides"
                folder
            "--rows"
            string (defaultArg options.Rows 500_000)
            "--out"
            made
        ]

        use maker = Process.Start("dotnet", arguments)
        maker.WaitForExit()

        if maker.ExitCode <> 0 then
            fail 2 "no sales could be made"

        Option.toList options.Data @ [ made ], true

let readWith delimiter kinds (name: string) : Table =
    let path =
        folders
        |> List.tryPick (tryFind name)
        |> Option.defaultValue (Path.Combine(folders.Head, name))

    Csv.readWith
        {
            Csv.options with
                Delimiter = delimiter
                Kinds = Map.ofList kinds
        }
        path

let readSales =
    readWith "," [ "Date", ColumnKind.Dates; "StateHoliday", ColumnKind.Texts ]

// ---- what a network is told of a day in a store, as the course's rossman_data_clean makes it -----------------------------

let weatherColumns = [
    "Max_TemperatureC"
    "Mean_TemperatureC"
    "Min_TemperatureC"
    "Max_Humidity"
    "Mean_Humidity"
    "Min_Humidity"
    "Max_Wind_SpeedKm_h"
    "Mean_Wind_SpeedKm_h"
    "CloudCover"
]

let features = {
    Categorical = [
        "Store"
        "DayOfWeek"
        "Year"
        "Month"
        "Day"
        "StateHoliday"
        "CompetitionMonthsOpen"
        "Promo2Weeks"
        "StoreType"
        "Assortment"
        "PromoInterval"
        "CompetitionOpenSinceYear"
        "Promo2SinceYear"
        "State"
        "Week"
        "Events"
        "Promo_fw"
        "Promo_bw"
        "StateHoliday_fw"
        "StateHoliday_bw"
        "SchoolHoliday_fw"
        "SchoolHoliday_bw"
    ]
    Continuous =
        [ "CompetitionDistance" ]
        @ weatherColumns
        @ [ "trend"; "trend_DE"; "AfterStateHoliday"; "BeforeStateHoliday"; "Promo"; "SchoolHoliday" ]
}

/// A column of texts made of another one.
let mapTexts (change: string -> string | null) (source: string) (target: string) (table: Table) =
    let texts = Column.asTexts (Table.column source table)

    let changed =
        texts.Codes
        |> Array.map (fun code -> if code < 0 then null else change texts.Values[code])

    Table.set target (Column.ofTexts changed) table

/// The weather of all states, a row a state and day.
let weather () : Table =
    let folder = Path.Combine(folders.Head, "weather")

    if not (Directory.Exists folder) then
        fail 2 $"{folder}: there is no such folder; it has the weather, a file a state"

    Directory.GetFiles(folder, "*.csv*")
    |> Array.map (fun file -> (string (Path.GetFileName file)).Split('.')[0])
    |> Array.distinct
    |> Array.sort
    |> Array.map (fun state ->
        let days =
            Path.Combine("weather", state + ".csv")
            |> readWith ";" (List.singleton ("Date", ColumnKind.Dates))
            |> Table.select ("Date" :: weatherColumns @ [ "Events" ])

        Table.set "State" (Column.ofTexts (Seq.replicate days.Rows state)) days)
    |> Array.reduce Table.append

/// What people searched for: by state, year and week, and for all of the country.
let trends () : Table * Table =
    let stateOf (file: string) : string | null =
        match file.Split '_' with
        // "Rossmann_DE_NI" stands for Lower Saxony and Bremen.
        | [| _; _; "NI" |] -> "HB"
        | [| _; _; state |] -> state
        | _ -> null

    let all =
        readWith "," [] "googletrend.csv"
        |> mapTexts stateOf "file" "State"
        |> mapTexts (fun week -> (week.Split " - ")[0]) "week" "Date"
        |> Dates.addParts None false false "Date"

    let ofCountry =
        Array.init all.Rows (fun i -> Column.isMissing i (Table.column "State" all))

    Table.select [ "State"; "Year"; "Week"; "trend" ] all,
    Table.filter ofCountry all |> Table.select [ "Year"; "Week"; "trend" ]

/// With what is known of the store, of the weather in its state, and of what people searched for in that week.
let join (days: Table) : Table =
    let ofState, ofCountry = trends ()
    let on names right left = Join.on names left right

    days
    |> Dates.addParts None true false "Date"
    |> on [ "Store" ] (readWith "," [] "store.csv")
    |> on [ "Store" ] (readWith "," [] "store_states.csv")
    |> on [ "Date"; "State" ] (weather ())
    |> on [ "State"; "Year"; "Week" ] ofState
    |> fun left -> Join.left [ "Year", "Year"; "Week", "Week" ] "_DE" left ofCountry

/// For how many months there has been a competitor (at most 24), and for how many weeks an offer (at most 25).
let sinceWhen (table: Table) : Table =
    let days = Dates.ofColumn "Date" table

    let filled name filler =
        Table.numbers name table
        |> Array.map (fun x -> if Double.IsNaN x then filler else x)

    let competitionYear, month =
        filled "CompetitionOpenSinceYear" 1900.0, filled "CompetitionOpenSinceMonth" 1.0

    let promoYear, week = filled "Promo2SinceYear" 1900.0, filled "Promo2SinceWeek" 1.0

    // Years before 1990 say that nobody knows.
    let since i year (moment: DateTime) =
        if year < 1990.0 then
            0L
        else
            max 0L (int64 (days[i] - moment).Days)

    let months =
        days
        |> Array.mapi (fun i _ ->
            min
                24L
                (since i competitionYear[i] (DateTime(int competitionYear[i], int month[i], 15))
                 / 30L))

    let weeks =
        days
        |> Array.mapi (fun i _ ->
            let monday = ISOWeek.ToDateTime(int promoYear[i], int week[i], DayOfWeek.Monday)
            min 25L (since i promoYear[i] monday / 7L))

    table
    |> Table.setAll [
        "CompetitionOpenSinceYear", Column.Reals competitionYear
        "Promo2SinceYear", Column.Reals promoYear
        "CompetitionMonthsOpen", Column.Integers months
        "Promo2Weeks", Column.Integers weeks
    ]

/// The days with sales, and those to be predicted.
let salesAndTest (sales: Table) (test: Table) : Table * Table =
    let zeros (table: Table) =
        Column.Integers(Array.zeroCreate table.Rows)

    // Both together: how long ago a holiday was is not the less known where sales are not.
    let all =
        Table.append
            (sales |> Table.drop [ "Customers" ] |> Table.set "Id" (zeros sales))
            (Table.set "Sales" (zeros test) test)

    let holidays =
        let kinds = Column.asTexts (Table.column "StateHoliday" all)
        kinds.Codes |> Array.map (fun code -> code >= 0 && kinds.Values[code] <> "0")

    let all =
        Table.set "StateHoliday" (Column.Flags holidays) all
        |> join
        |> sinceWhen
        |> Elapsed.add [ "SchoolHoliday"; "StateHoliday"; "Promo" ] "Date" "Store"
        |> Table.select (features.Categorical @ features.Continuous @ [ "Sales"; "Date"; "Id" ])

    let days = Table.take [| 0 .. sales.Rows - 1 |] all
    Table.filter (Table.flags "Sales" days) days, Table.take [| sales.Rows .. all.Rows - 1 |] all

// ---- the table -----------------------------------------------------------------------------------------------------

let clock = Stopwatch.StartNew()

let rows, (sales, test) =
    try
        let train = readSales "train.csv"
        train.Rows, salesAndTest train (readSales "test.csv")
    with :? DataException as e ->
        fail 2 e.Message

let parts = Split.latest "Date" test.Rows sales
let train, valid = Table.take parts.Train sales, Table.take parts.Valid sales
let processing = Processing.fit Processing.defaults features train
let target = Target.fit (TargetKind.Real true) [ "Sales" ] train

let inputs (rows: Table) =
    let codes, numbers =
        Processing.apply processing rows |> Processing.tensors processing

    [ codes; numbers ]

let batchOf (rows: Table) : Batch = {
    Inputs = inputs rows
    Targets = [ (Target.apply target rows).Values ]
}

let trainItems, validItems = batchOf train, batchOf valid

printfn
    $"{sales.Rows} days with sales: {train.Rows} to train on, {valid.Rows} to judge by, {test.Rows} to predict"

printfn $"{clock.Elapsed.TotalSeconds:F1} s to read and to process"

// ---- the network ---------------------------------------------------------------------------------------------------

let embeddings =
    Processing.classes processing
    |> List.map (fun (_, classes) -> classes.Length, Tabular.embeddingSize classes.Length)

printfn $"""embeddings: {String.Join(' ', embeddings |> List.map (fun (n, width) -> $"{n}→{width}"))}"""

// A sigmoid never quite reaches its ends: a fifth more than the largest sales so far.
let most = Math.Log(1.2 * Array.max (Table.numbers "Sales" sales))

let network =
    Tabular.layer {
        Tabular.spec embeddings processing.Features.Continuous.Length (Target.outputs target) [ 1000; 500 ] with
            Ps = [ 0.001; 0.01 ]
            EmbDrop = 0.04
            YRange = Some(0.0, most)
    }

let training: Training = {
    Model = network
    Loss = Train.lossOf Loss.mse
    Optimiser =
        Optimiser.adamWWith {
            AdamOptions.Default with
                Lr = 2e-3
                Betas = 0.9, 0.99
                WeightDecay = 0.2
        }
    Metrics = [ Metric.expRmspe ]
}

let source =
    Source.ofItems
        {
            Size = (if train.Rows < 100_000 then 64 else 512)
            Shuffle = true
            DropLast = true
        }
        trainItems

let start =
    Train.initWith
        (Key.child "train" key)
        (Tabular.variables
            {
                DType = DType.Float32
                Key = Key.child "init" key
            }
            network)
        training

let step = Compile.run (fun (s, b) -> Train.step training s b)
let evaluate = Compile.run (fun (v, b) -> Train.evaluateBatch training v b)

// ---- what came out -------------------------------------------------------------------------------------------------

let verdicts (lines: (string * string * string * bool) list) =
    printfn ""
    printfn $"""{"quantity", -50}  {"ours", 10}  {"expected", 10}  verdict"""

    for what, ours, expected, holds in lines do
        printfn $"""{what, -50}  {ours, 10}  {expected, 10}  {if holds then "holds" else "FAILS"}"""

    if lines |> List.forall (fun (_, _, _, holds) -> holds) then
        0
    else
        1

let days = Dates.ofColumn "Date" sales

let overlap =
    Set.intersect
        (parts.Train |> Seq.map (Array.get days) |> Set.ofSeq)
        (parts.Valid |> Seq.map (Array.get days) |> Set.ofSeq)
    |> Set.count

let counts =
    processing.Features.Categorical.Length, processing.Features.Continuous.Length

let ofTable = [
    "columns of classes, of numbers", $"{fst counts}, {snd counts}", "24, 16", (counts = (24, 16))
    "days both to train on and to judge by", $"{overlap}", "0", (overlap = 0)
]

if options.Start then
    let first = source.From (Key.child "order" key) 0 |> Seq.head
    step (start, first) |> snd |> ignore
    let seconds = clock.Elapsed.TotalSeconds

    exit (
        verdicts (
            ofTable
            @ List.singleton (
                $"seconds to the first step, of {rows} rows",
                $"%.1f{seconds}",
                "< 60",
                (seconds < 60.0)
            )
        )
    )

let rates, momentums =
    Schedule.oneCycleOver (options.Epochs * source.Count) {
        OneCycleOptions.Default with
            LrMax = 2e-3
    }

let finished, reports =
    start
    |> Train.fit step evaluate {
        Epochs = options.Epochs
        Source = source
        Validation = Source.ordered 4096 validItems
        Schedules = [ "lr", [ rates ]; "beta1", [ momentums ] ]
    }

printfn "epoch  train_loss  valid_loss  exp_rmspe"

for r in reports do
    printfn
        $"%5d{r.Epoch}  %10.6f{r.Training.Loss}  %10.6f{r.Validation.Loss}  %9.6f{r.Validation.Metrics[Metric.expRmspe.Name]}"

let error = (List.last reports).Validation.Metrics[Metric.expRmspe.Name]

/// What comes of predicting for each store the mean of its sales.
let meanOfStore =
    let stores, amounts = Table.numbers "Store" sales, Table.numbers "Sales" sales

    let means =
        parts.Train
        |> Array.groupBy (Array.get stores)
        |> Array.map (fun (store, rows) -> store, rows |> Array.averageBy (Array.get amounts))
        |> dict

    parts.Valid
    |> Array.averageBy (fun row -> ((amounts[row] - means[stores[row]]) / amounts[row]) ** 2.0)
    |> sqrt

// What would be handed in: whole numbers, cut off as the course does.
let predict =
    Compile.run (fun (variables, inputs) ->
        let call = {
            Mode = Mode.Evaluation
            Variables = variables
            Key = key
        }

        Layer.apply network call inputs |> fst |> List.head)

let predicted =
    [ 0..4096 .. test.Rows - 1 ]
    |> List.map (fun first ->
        let rows = Table.take [| first .. min test.Rows (first + 4096) - 1 |] test
        predict (finished.Variables, inputs rows))
    |> Tensor.cat 0
    |> Target.decode target
    |> List.map (fun (name, column) ->
        name, Column.Integers(column |> Column.tryNumbers |> Option.get |> Array.map int64))

Atomic.createFolder (string (Path.GetDirectoryName(Path.GetFullPath options.Out)))
Table.select [ "Id" ] test |> Table.setAll predicted |> Csv.write options.Out
printfn $"wrote {options.Out}"
let lines = Csv.read options.Out

let code =
    verdicts [
        yield! ofTable
        if isMade then
            "exp_rmspe of each store's mean", $"%.4f{meanOfStore}", "> 0.25", (meanOfStore > 0.25)
        "exp_rmspe", $"%.4f{error}", "< 0.15", (error < 0.15)
        "days predicted, in whole numbers", $"{lines.Rows}", $"{test.Rows}", (lines.Rows = test.Rows)
    ]

printfn $"{clock.Elapsed.TotalSeconds:F1} s"
printfn $"exp_rmspe %.4f{error}"
exit code
