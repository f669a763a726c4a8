// Makes up sales of drug stores: tables with the columns of the Rossmann competition, so that the lesson runs with no download.
//
//     dotnet build -c Release
//     dotnet fsi scripts/make-rossmann.fsx                                  writes data/rossmann-small
//     dotnet fsi scripts/make-rossmann.fsx --sides DIR --rows N --out DIR2  sales for stores and weather of DIR
//
// Without --sides there are forty stores in four states, with weather that is made up too. With it stores, states and weather
// (`store.csv`, `store_states.csv`, `weather/*.csv`) are those of a folder, and what it has not got is made: the sales
// (`train.csv.gz`), the week's interest of searchers (`googletrend.csv.gz`), and days to be predicted (`test.csv.gz`).
//
// The sales are a rule and noise of 5 %: the size of the store times what the day of the week, an offer, the season, holidays, a
// competitor's age, the weather and the search trend do. Everything is a function of the seed, the store and the day; sales are whole
// numbers, and so the same wherever sines and exponentials are computed to a unit in the last place or so.

#r "../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Kernels.dll"
#r "../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Core.dll"
#r "../core/FunctionalDL.Data/bin/Release/net10.0/CsvHelper.dll"
#r "../core/FunctionalDL.Data/bin/Release/net10.0/FunctionalDL.Data.dll"

open System
open System.Collections.Generic
open System.Globalization
open System.IO
open System.IO.Compression
open FunctionalDL.Data

CultureInfo.CurrentCulture <- CultureInfo.InvariantCulture

// ---- options -------------------------------------------------------------------------------------------------------

type Options = {
    Sides: string option
    Rows: int option
    Out: string
    Seed: int
}

let rec read (options: Options) (arguments: string list) : Options =
    match arguments with
    | [] -> options
    | "--sides" :: folder :: rest -> read ({ options with Sides = Some folder }: Options) rest
    | "--out" :: folder :: rest -> read { options with Out = folder } rest
    | "--rows" :: (number: string) :: rest when fst (Int32.TryParse number) && int number > 0 ->
        read { options with Rows = Some(int number) } rest
    | "--seed" :: (number: string) :: rest when fst (Int32.TryParse number) ->
        read { options with Seed = int number } rest
    | other :: _ ->
        eprintfn $"{other} is no option, or something is missing after it"
        eprintfn "usage: dotnet fsi scripts/make-rossmann.fsx [--sides DIR] [--rows N] [--out DIR] [--seed N]"
        exit 2

let options =
    fsi.CommandLineArgs
    |> List.ofArray
    |> List.skip 1
    |> List.filter ((<>) "--")
    |> read {
        Sides = None
        Rows = None
        Out = Path.Combine(__SOURCE_DIRECTORY__, "..", "data", "rossmann-small")
        Seed = 2024
    }

// ---- random numbers ------------------------------------------------------------------------------------------------

/// Uniform in [0, 1), a function of a name and two numbers: SplitMix64's mixing (G. L. Steele, D. Lea, C. H. Flood, OOPSLA 2014).
let uniform (name: string) (i: int) (j: int) : float =
    let mix (z: uint64) =
        let z = (z ^^^ (z >>> 30)) * 0xBF58476D1CE4E5B9UL
        let z = (z ^^^ (z >>> 27)) * 0x94D049BB133111EBUL
        z ^^^ (z >>> 31)

    let salt =
        (uint64 options.Seed, name)
        ||> Seq.fold (fun h c -> mix (h + uint64 c + 0x9E3779B97F4A7C15UL))

    let key = mix (salt + uint64 i * 0x9E3779B97F4A7C15UL)

    float (mix (key + uint64 (j + 1) * 0x9E3779B97F4A7C15UL) >>> 11)
    / 9007199254740992.0

/// Normal with deviation 1, near enough: twelve uniform numbers added.
let normal name i j =
    let mutable sum = -6.0

    for k in 0..11 do
        sum <- sum + uniform name (12 * i + k) j

    sum

let pick name i (values: 'a list) =
    values[int (uniform name i 0 * float values.Length)]

// ---- days ----------------------------------------------------------------------------------------------------------

/// The last day with sales, and the days to be predicted: those of the competition.
let lastDay = DateTime(2015, 7, 31)
let testDays = [| for n in 1..48 -> lastDay.AddDays(float n) |]
let number (day: DateTime) = (day - DateTime(2013, 1, 1)).Days

/// Easter Sunday (the anonymous algorithm of 1876).
let easter year =
    let a, b, c = year % 19, year / 100, year % 100
    let d, e = b / 4, b % 4
    let g = (8 * b + 13) / 25
    let h = (19 * a + b - d - g + 15) % 30
    let j, k = c / 4, c % 4
    let m = (a + 11 * h) / 319
    let r = (2 * e + 2 * j - k - h + m + 32) % 7
    let month = (h - m + r + 90) / 25
    DateTime(year, month, (h - m + r + month + 19) % 32)

/// "a": a public holiday, "b": Easter, "c": Christmas, "0": none.
let stateHoliday (day: DateTime) =
    let sinceEaster = (day - easter day.Year).Days

    match day.Month, day.Day with
    | 12, (25 | 26) -> "c"
    | 1, 1
    | 5, 1
    | 10, 3 -> "a"
    | _ when sinceEaster = -2 || sinceEaster = 1 -> "b"
    | _ when sinceEaster = 39 || sinceEaster = 50 -> "a"
    | _ -> "0"

/// Schools are closed around Christmas and Easter, and for six weeks of summer that begin differently from state to state.
let isSchoolHoliday (state: string) (day: DateTime) =
    let sinceEaster = (day - easter day.Year).Days

    let summer = DateTime(day.Year, 7, 1).AddDays(28.0 * uniform ("summer" + state) 0 0)

    (day.Month = 12 && day.Day >= 22)
    || (day.Month = 1 && day.Day <= 5)
    || (sinceEaster >= -8 && sinceEaster <= 6)
    || (day >= summer && day < summer.AddDays 42.0)

/// Offers run from Monday to Friday, every other week.
let isPromo (day: DateTime) =
    day.DayOfWeek <> DayOfWeek.Saturday
    && day.DayOfWeek <> DayOfWeek.Sunday
    && ISOWeek.GetWeekOfYear day % 2 = 1

// ---- stores and weather --------------------------------------------------------------------------------------------

let madeStates = [ "BY"; "HE"; "NW"; "SN" ]

let private texts (values: seq<string>) =
    values
    |> Seq.map (fun v -> (if v = "" then null else v): string | null)
    |> Column.ofTexts

let private wholes (values: seq<int>) =
    values |> Seq.map int64 |> Seq.toArray |> Column.Integers

/// Stores in the form of `store.csv`; as there, a few know no competitor, and half take part in the second kind of offer.
let madeStores (count: int) : Table =
    let stores = [ 1..count ]
    let has name share i = uniform name i 0 < share
    let promo2 = stores |> List.map (has "promo2" 0.5)

    let whole (isThere: int -> bool) (value: int -> int) =
        stores
        |> Seq.map (fun i -> if isThere i then float (value i) else nan)
        |> Seq.toArray
        |> Column.Reals

    let between name low high i =
        low + int (uniform name i 0 * float (high - low + 1))

    let inPromo2 i = promo2[i - 1]

    Table.ofColumns [
        "Store", wholes stores
        "StoreType", texts (stores |> Seq.map (fun i -> pick "type" i [ "a"; "a"; "a"; "c"; "d"; "d"; "b" ]))
        "Assortment", texts (stores |> Seq.map (fun i -> pick "assortment" i [ "a"; "a"; "c"; "c"; "b" ]))
        "CompetitionDistance",
        whole (has "knows" 0.9) (fun i -> 10 * int (3.0 * Math.Exp(6.5 * uniform "distance" i 0)))
        "CompetitionOpenSinceMonth", whole (has "since" 0.7) (between "month" 1 12)
        "CompetitionOpenSinceYear", whole (has "since" 0.7) (between "year" 2002 2015)
        "Promo2", wholes (promo2 |> Seq.map (fun p -> if p then 1 else 0))
        "Promo2SinceWeek", whole inPromo2 (between "promoWeek" 1 50)
        "Promo2SinceYear", whole inPromo2 (between "promoYear" 2010 2014)
        "PromoInterval",
        texts (
            stores
            |> Seq.map (fun i ->
                if inPromo2 i then
                    pick "interval" i [ "Jan,Apr,Jul,Oct"; "Feb,May,Aug,Nov"; "Mar,Jun,Sept,Dec" ]
                else
                    "")
        )
    ]

let madeStoreStates (count: int) : Table =
    Table.ofColumns [
        "Store", wholes [ 1..count ]
        "State", texts (Seq.init count (fun i -> pick "state" i madeStates))
    ]

/// Days of weather in the form of the files in `weather`, warm in July and cold in January.
let madeWeather (state: string) (days: DateTime[]) : Table =
    let draw name =
        days |> Array.map (fun day -> normal (name + state) (number day) 0)

    let of1 (values: float[]) (f: float -> float) =
        wholes (values |> Seq.map (f >> Math.Round >> int))

    let season =
        days
        |> Array.map (fun day -> Math.Cos(Math.Tau * float (day.DayOfYear - 200) / 365.25))

    let mean =
        Array.map2 (fun s noise -> 10.0 + 9.0 * s + 3.0 * noise) season (draw "temperature")

    let humidity =
        Array.map2 (fun s noise -> 72.0 - 8.0 * s + 7.0 * noise) season (draw "humidity")

    let pressure = draw "pressure" |> Array.map (fun noise -> 1015.0 + 8.0 * noise)
    let wind = draw "wind" |> Array.map (fun noise -> 11.0 + 4.0 * abs noise)
    let wet = draw "rain"

    let events =
        Array.map2
            (fun wet warm ->
                match wet with
                | w when w > 1.6 && warm > 18.0 -> "Rain-Thunderstorm"
                | w when w > 0.4 && warm < 1.0 -> "Snow"
                | w when w > 0.4 -> "Rain"
                | w when w > 0.0 && warm < 8.0 -> "Fog"
                | _ -> "")
            wet
            mean

    Table.ofColumns [
        "Date", Column.Dates days
        "Max_TemperatureC", of1 mean (fun t -> t + 5.0)
        "Mean_TemperatureC", of1 mean id
        "Min_TemperatureC", of1 mean (fun t -> t - 5.0)
        "Dew_PointC", of1 mean (fun t -> t - 2.0)
        "MeanDew_PointC", of1 mean (fun t -> t - 4.0)
        "Min_DewpointC", of1 mean (fun t -> t - 6.0)
        "Max_Humidity", of1 humidity (fun h -> min 100.0 (h + 18.0))
        "Mean_Humidity", of1 humidity (min 100.0)
        "Min_Humidity", of1 humidity (fun h -> h - 22.0)
        "Max_Sea_Level_PressurehPa", of1 pressure (fun p -> p + 3.0)
        "Mean_Sea_Level_PressurehPa", of1 pressure id
        "Min_Sea_Level_PressurehPa", of1 pressure (fun p -> p - 3.0)
        "Max_VisibilityKm", of1 humidity (fun h -> if h > 80.0 then 11.0 else 31.0)
        "Mean_VisibilityKm", of1 humidity (fun h -> if h > 80.0 then 6.0 else 14.0)
        "Min_VisibilitykM", of1 humidity (fun h -> if h > 80.0 then 2.0 else 9.0)
        "Max_Wind_SpeedKm_h", of1 wind (fun w -> 1.8 * w)
        "Mean_Wind_SpeedKm_h", of1 wind id
        "Max_Gust_SpeedKm_h",
        wind
        |> Array.map (fun w -> if w > 14.0 then Math.Round(3.0 * w) else nan)
        |> Column.Reals
        "Precipitationmm", wet |> Array.map (fun w -> Math.Round(max 0.0 (4.0 * w), 1)) |> Column.Reals
        "CloudCover",
        Array.map2
            (fun w day ->
                if uniform ("sky" + state) (number day) 0 < 0.07 then
                    nan
                else
                    Math.Round(Math.Clamp(4.5 + 2.0 * w, 1.0, 8.0)))
            wet
            days
        |> Column.Reals
        "Events", texts events
        "WindDirDegrees",
        wholes (
            days
            |> Seq.map (fun day -> int (360.0 * uniform ("direction" + state) (number day) 0))
        )
    ]

/// How often people in a state ("" for all of the country) looked for the stores in the week that begins on a Sunday: 0 to 100.
let trend (state: string) (sunday: DateTime) =
    let season = Math.Cos(Math.Tau * float (sunday.DayOfYear - 350) / 365.25)

    int (
        Math.Clamp(
            62.0 + 12.0 * season + 7.0 * normal ("trend" + state) (number sunday / 7 + 10) 0,
            0.0,
            100.0
        )
    )

/// The Sunday on or after a day, by which the course brings days and trends together: both are in one ISO week.
let sundayOf (day: DateTime) =
    day.AddDays(float ((7 - int day.DayOfWeek) % 7))

/// The file `googletrend.csv`: a line a week for each state and for the country.
let madeTrends (states: string list) : Table =
    let first = DateTime(2012, 12, 2)

    let lines = [
        for file, state in ("Rossmann_DE", "") :: [ for s in states -> $"Rossmann_DE_{s}", s ] do
            for week in 0 .. (sundayOf testDays[47] - first).Days / 7 do
                let sunday = first.AddDays(float (7 * week))

                file, $"{sunday:``yyyy-MM-dd``} - {sunday.AddDays 6.0:``yyyy-MM-dd``}", trend state sunday
    ]

    Table.ofColumns [
        "file", texts (lines |> Seq.map (fun (file, _, _) -> file))
        "week", texts (lines |> Seq.map (fun (_, week, _) -> week))
        "trend", wholes (lines |> Seq.map (fun (_, _, trend) -> trend))
    ]

// ---- sales ---------------------------------------------------------------------------------------------------------

/// What is known of a store, as numbers.
type Store = {
    Number: int
    State: string
    Kind: string
    Assortment: string
    Distance: float
    /// When the competitor opened; long ago where nobody knows.
    Competitor: DateTime
    Months: string
}

let storesOf (stores: Table) (states: Table) : Store[] =
    let joined = Join.on [ "Store" ] stores states
    let numbers name = Table.numbers name joined

    let texts name =
        Column.asTexts (Table.column name joined)

    let text (texts: Texts) i =
        if texts.Codes[i] < 0 then
            ""
        else
            texts.Values[texts.Codes[i]]

    let number, distance = numbers "Store", numbers "CompetitionDistance"

    let year, month =
        numbers "CompetitionOpenSinceYear", numbers "CompetitionOpenSinceMonth"

    let kind, assortment = texts "StoreType", texts "Assortment"
    let state, months = texts "State", texts "PromoInterval"

    Array.init joined.Rows (fun i -> {
        Number = int number[i]
        State = text state i
        Kind = text kind i
        Assortment = text assortment i
        Distance = if Double.IsNaN distance[i] then 2000.0 else distance[i]
        Competitor =
            if Double.IsNaN year[i] then
                DateTime(1990, 1, 1)
            else
                DateTime(int year[i], int month[i], 15)
        Months = text months i
    })

/// The noise of a day's sales.
let noise = 0.05

/// The trends that `expected` looks up, of every state and Sunday.
let trends = Dictionary<string * DateTime, int>()

/// The logarithm of a day's sales without noise.
let expected (temperature: float) (store: Store) (day: DateTime) : float =
    let weekday =
        match day.DayOfWeek with
        | DayOfWeek.Monday -> 0.22
        | DayOfWeek.Tuesday -> 0.04
        | DayOfWeek.Friday -> 0.08
        | DayOfWeek.Saturday -> if store.Assortment = "c" then -0.14 else -0.26
        | _ -> 0.0

    let size =
        Math.Log 6200.0
        + 0.35 * normal "size" store.Number 0
        + (match store.Kind with
           | "b" -> 0.3
           | "d" -> -0.05
           | _ -> 0.0)

    let promo =
        if not (isPromo day) then 0.0
        elif store.Kind = "b" then 0.2
        else 0.46

    let season =
        (if day.Month = 12 then 0.18 + 0.008 * float day.Day else 0.0)
        + 0.04 * Math.Cos(Math.Tau * float (day.DayOfYear - 330) / 365.25)

    let monthName = day.ToString("MMM", CultureInfo.InvariantCulture)

    let school = if isSchoolHoliday store.State day then 0.05 else 0.0
    // People stock up before a day on which everything is closed.
    let before = if stateHoliday (day.AddDays 1.0) <> "0" then 0.16 else 0.0
    let monthsOpen = (day - store.Competitor).TotalDays / 30.0

    let competition =
        if monthsOpen < 0.0 then
            0.0
        else
            -0.12 * Math.Exp(-store.Distance / 1500.0) * (1.0 + Math.Exp(-monthsOpen / 6.0))

    size
    + weekday
    + promo
    + season
    + school
    + before
    + competition
    + (if store.Months.Contains monthName then 0.05 else 0.0)
    + 0.003 * (temperature - 10.0)
    + 0.002 * float (trends[store.State, sundayOf day] - 62)

let weatherOf (folder: string) (state: string) : Dictionary<DateTime, float> =
    let path = Path.Combine(folder, "weather", state + ".csv")
    let path = if File.Exists path then path else path + ".gz"
    let table = Csv.readWith { Csv.options with Delimiter = ";" } path
    let temperatures = Table.numbers "Mean_TemperatureC" table

    Array.zip (Dates.ofColumn "Date" table) temperatures
    |> Array.map KeyValuePair
    |> Dictionary

// ---- files ---------------------------------------------------------------------------------------------------------

/// Writes lines into a gzip file, whole or not at all.
let writeLines (path: string) (header: string) (lines: seq<string>) =
    Atomic.write path (fun stream ->
        use zip = new GZipStream(stream, CompressionLevel.SmallestSize, leaveOpen = true)
        use writer = new StreamWriter(zip, NewLine = "\n")
        writer.WriteLine header
        Seq.iter (writer.WriteLine: string -> unit) lines)

/// A table's file, packed; `;` stands between the fields of weather.
let writeTable (path: string) (delimiter: string) (table: Table) =
    let field i column =
        match Column.text i column with
        | null when delimiter = ";" -> "NA"
        | null -> ""
        | text when text.Contains delimiter -> $"\"{text}\""
        | text -> text

    writeLines
        path
        (String.Join(delimiter, table.Names))
        (Seq.init table.Rows (fun i -> String.Join(delimiter, table.Columns |> List.map (snd >> field i))))

/// A file of a folder, packed or not.
let private fileOf (folder: string) (name: string) =
    let path = Path.Combine(folder, name)
    if File.Exists path then path else path + ".gz"

Atomic.createFolder options.Out
let out (name: string) = Path.Combine(options.Out, name)

/// Three years of days, as in the competition, are enough for a store: more rows need more stores.
let madeCount =
    match options.Rows with
    | Some rows -> max 40 ((rows + 941) / 942)
    | None -> 40

/// Fourteen months for forty stores, so that every week of the year was seen before the last ones.
let rowsOf (stores: int) =
    defaultArg options.Rows (stores * ((lastDay - DateTime(2014, 6, 1)).Days + 1))

/// The first day with sales when so many stores share the rows.
let firstDay (stores: int) =
    lastDay.AddDays(-float((rowsOf stores - 1) / stores))

let sides =
    match options.Sides with
    | Some folder -> folder
    | None ->
        Atomic.createFolder (out "weather")
        writeTable (out "store.csv.gz") "," (madeStores madeCount)
        writeTable (out "store_states.csv.gz") "," (madeStoreStates madeCount)
        let first = firstDay madeCount

        for state in madeStates do
            [| for n in 0 .. (testDays[47] - first).Days -> first.AddDays(float n) |]
            |> madeWeather state
            |> writeTable (out $"weather/{state}.csv.gz") ";"

        options.Out

let stores =
    try
        storesOf (Csv.read (fileOf sides "store.csv")) (Csv.read (fileOf sides "store_states.csv"))
    with :? DataException as e ->
        eprintfn $"{e.Message}"
        exit 1

let states = stores |> Array.map _.State |> Array.distinct |> List.ofArray
let rows = rowsOf stores.Length

let temperature =
    states |> List.map (fun state -> state, weatherOf sides state) |> Map.ofList

for state in states do
    let first = firstDay stores.Length

    if not (temperature[state].ContainsKey first) then
        eprintfn
            $"{sides}: there is no weather of {state} on {first:``yyyy-MM-dd``}, when {rows} rows would begin"

        exit 1

    for week in 0 .. (sundayOf testDays[47] - first).Days / 7 + 1 do
        let sunday = sundayOf (first.AddDays(float (7 * week)))
        trends[(state, sunday)] <- trend state sunday

let isOpen (day: DateTime) =
    day.DayOfWeek <> DayOfWeek.Sunday && stateHoliday day = "0"

let flag condition = if condition then "1" else "0"
let weekday (day: DateTime) = (int day.DayOfWeek + 6) % 7 + 1

/// The lines of a day, a store each: the columns before the sales, the sales with the customers, and those after.
let lineOf (store: Store) (day: DateTime) =
    let sales =
        if isOpen day then
            let e = normal "noise" store.Number (number day)
            let warmth = temperature[store.State][day]
            Math.Exp(expected warmth store day + noise * e)
        else
            0.0

    let customers =
        sales / (7.5 + 2.0 * uniform "basket" store.Number 0)
        * (0.97 + 0.06 * uniform "customers" store.Number (number day))

    $"{store.Number},{weekday day},{day:``yyyy-MM-dd``}",
    $"{Math.Round sales},{Math.Round customers}",
    $"{flag (isOpen day)},{flag (isPromo day)},{stateHoliday day},{flag (isSchoolHoliday store.State day)}"

// As in the competition the latest day comes first.
writeLines
    (out "train.csv.gz")
    "Store,DayOfWeek,Date,Sales,Customers,Open,Promo,StateHoliday,SchoolHoliday"
    (Seq.init rows (fun i ->
        let known, sales, rest =
            lineOf stores[i % stores.Length] (lastDay.AddDays(-float(i / stores.Length)))

        $"{known},{sales},{rest}"))

if not (File.Exists(fileOf sides "googletrend.csv")) || options.Sides.IsNone then
    writeTable (out "googletrend.csv.gz") "," (madeTrends states)

if not (File.Exists(fileOf sides "test.csv")) || options.Sides.IsNone then
    let days = Array.rev testDays

    writeLines
        (out "test.csv.gz")
        "Id,Store,DayOfWeek,Date,Open,Promo,StateHoliday,SchoolHoliday"
        (Seq.init (stores.Length * days.Length) (fun i ->
            let store, day = stores[i % stores.Length], days[i / stores.Length]
            let known, _, rest = lineOf store day
            $"{i + 1},{known},{rest}"))

printfn $"{rows} rows of sales, {stores.Length} stores in {states.Length} states: {options.Out}"
