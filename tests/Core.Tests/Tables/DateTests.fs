/// Dates and what is made of them. Expected values: the dates' own calendar, and fastai's tests as the lessons quote them.
module FunctionalDL.Tests.Tables.DateTests

open System
open NUnit.Framework
open FunctionalDL.Data
open FunctionalDL.Tests.Support

let private dated (dates: string list) =
    Table.ofColumns [ "Date", dates |> Seq.map (fun d -> d: string | null) |> Column.ofTexts ]

let private numbersOf (names: string list) (table: Table) =
    names |> List.map (fun name -> (Table.numbers name table)[0])

let private parts = [ "Year"; "Month"; "Week"; "Day"; "Dayofweek"; "Dayofyear"; "Elapsed" ]

let private flags = [
    "Is_month_end"
    "Is_month_start"
    "Is_quarter_end"
    "Is_quarter_start"
    "Is_year_end"
    "Is_year_start"
]

// year, month, ISO week, day, weekday, day of the year, seconds; then the flags that are true.
let private cases: obj[][] = [|
    [| "2015-07-31"; [ 2015; 7; 31; 31; 4; 212; 1438300800 ]; [ "Is_month_end" ] |]
    [| "2017-02-03"; [ 2017; 2; 5; 3; 4; 34; 1486080000 ]; List.empty<string> |]
    [| "2014-12-29"; [ 2014; 12; 1; 29; 0; 363; 1419811200 ]; List.empty<string> |]
    [|
        "2016-01-01"
        [ 2016; 1; 53; 1; 4; 1; 1451606400 ]
        [ "Is_month_start"; "Is_quarter_start"; "Is_year_start" ]
    |]
    [|
        "2015-12-31"
        [ 2015; 12; 53; 31; 3; 365; 1451520000 ]
        [ "Is_month_end"; "Is_quarter_end"; "Is_year_end" ]
    |]
    [| "2016-02-29"; [ 2016; 2; 9; 29; 0; 60; 1456704000 ]; [ "Is_month_end" ] |]
|]

[<TestCaseSource(nameof cases)>]
let ``row 56: the parts of a date`` (date: string) (expected: int list) (isTrue: string list) =
    let table = Dates.addParts None false false "Date" (dated [ date ])
    numbersOf parts table |> shouldEqual (List.map float expected)

    flags
    |> List.filter (fun flag -> (Table.flags flag table)[0])
    |> shouldEqual isTrue

[<Test>]
let ``row 56: names begin with the column's less its Date, the column goes unless kept, time is told when asked``
    ()
    =
    let table = Table.rename "Date" "transaction_date" (dated [ "2015-07-31 13:05:09" ])
    let added = Dates.addParts None false true "transaction_date" table

    Seq.toList added.Names
    |> shouldEqual (
        [ "Year"; "Month"; "Week"; "Day"; "Dayofweek"; "Dayofyear" ]
        @ flags
        @ [ "Hour"; "Minute"; "Second"; "Elapsed" ]
        |> List.map (fun part -> "transaction_" + part)
    )

    numbersOf [ "transaction_Hour"; "transaction_Minute"; "transaction_Second"; "transaction_Elapsed" ] added
    |> shouldEqual [ 13.0; 5.0; 9.0; 1438300800.0 + 13.0 * 3600.0 + 5.0 * 60.0 + 9.0 ]

    let kept = Dates.addParts (Some "p_") true false "transaction_date" table
    shouldEqual [ "transaction_date"; "p_Year" ] (kept.Names |> Seq.truncate 2 |> List.ofSeq)

[<Test>]
let ``cyclic parts lie on the unit circle, a quarter of the year at a right angle`` () =
    // The 93rd day of 2024, a leap year, is 92/366 of it; Monday is the start of the week; April the fourth month.
    let table =
        Dates.addCyclicParts None true true true "Date" (dated [ "2024-04-01 06:00:00" ])

    shouldBeClose
        "places"
        1e-12
        [|
            1.0
            0.0
            1.0
            0.0
            0.0
            1.0
            Math.Cos(Math.Tau * 91.0 / 366.0)
            Math.Sin(Math.Tau * 91.0 / 366.0)
            0.0
            1.0
            -1.0
            0.0
            2024.0 + 91.25 / 366.0
        |]
        ([
            "weekday_cos"
            "weekday_sin"
            "day_month_cos"
            "day_month_sin"
            "month_year_cos"
            "month_year_sin"
            "day_year_cos"
            "day_year_sin"
            "hour_cos"
            "hour_sin"
            "clock_cos"
            "clock_sin"
            "year_lin"
         ]
         |> List.map (fun name -> (Table.numbers name table)[0])
         |> Array.ofList)

[<Test>]
let ``dates in mixed formats are refused with the first that differs`` () =
    messageOf<DataException>(fun () ->
        Dates.ofColumn "Date" (dated [ "2015-07-31"; "2015-08-01"; "31.7.2015" ])
        |> ignore)
    |> shouldContain [
        "column 'Date', row 2: '31.7.2015' is not a date"
        "write all dates of the column alike"
    ]

[<Test>]
let ``day and month that cannot be told apart are not guessed, but told by a format`` () =
    let table = dated [ "01/02/2015"; "03/04/2015" ]

    messageOf<DataException>(fun () -> Dates.ofColumn "Date" table |> ignore)
    |> shouldContain [ "'01/02/2015'"; "give their format" ]

    Dates.parseAs "d/M/yyyy" "Date" table
    |> Dates.ofColumn "Date"
    |> shouldEqual [| DateTime(2015, 2, 1); DateTime(2015, 4, 3) |]

    // One day above 12 tells for all.
    Dates.ofColumn "Date" (dated [ "01/02/2015"; "13/04/2015" ])
    |> shouldEqual [| DateTime(2015, 2, 1); DateTime(2015, 4, 13) |]

[<Test>]
let ``parts of a missing date are missing`` () =
    let table =
        Table.ofColumns [ "Date", Column.ofTexts [ "2015-07-31"; null ] ]
        |> Dates.addParts None false false "Date"

    shouldBeExactly "year" [ 2015.0; nan ] (Table.numbers "Year" table)
    Table.flags "Is_month_end" table |> shouldEqual [| true; false |]

// ---- over time -----------------------------------------------------------------------------------------------------

/// Two shops, days in disorder. Shop 1: days 1 to 9 with a sale on days 3 and 8; shop 2: days 1 and 2, none.
let private sales =
    let day n = DateTime(2015, 1, n)
    let rows = [ 5, 1; 1, 2; 3, 1; 9, 1; 1, 1; 2, 1; 2, 2; 4, 1; 8, 1; 6, 1; 7, 1 ]

    Table.ofColumns [
        "Store", Column.Integers [| for _, store in rows -> int64 store |]
        "Date", Column.Dates [| for n, _ in rows -> day n |]
        "Promo",
        Column.Integers [| for n, store in rows -> if store = 1 && (n = 3 || n = 8) then 1L else 0L |]
    ]

/// What a column says of each day of a shop, in the order of days.
let private ofStore (store: int) (name: string) table =
    let sorted = Table.sort [ "Store"; "Date" ] table
    let stores = Table.numbers "Store" sorted
    let values = Table.numbers name sorted

    Array.zip stores values
    |> Array.filter (fun (s, _) -> s = float store)
    |> Array.map snd
    |> List.ofArray

[<Test>]
let ``row 57: days since the last and until the next flag, and counts over seven rows, by shop`` () =
    let table = Elapsed.add [ "Promo" ] "Date" "Store" sales

    ofStore 1 "AfterPromo" table
    |> shouldEqual [ 0.0; 0.0; 0.0; 1.0; 2.0; 3.0; 4.0; 0.0; 1.0 ]

    ofStore 1 "BeforePromo" table
    |> shouldEqual [ -2.0; -1.0; 0.0; -4.0; -3.0; -2.0; -1.0; 0.0; 0.0 ]

    ofStore 1 "Promo_bw" table
    |> shouldEqual [ 0.0; 0.0; 1.0; 1.0; 1.0; 1.0; 1.0; 2.0; 2.0 ]

    ofStore 1 "Promo_fw" table
    |> shouldEqual [ 1.0; 2.0; 2.0; 1.0; 1.0; 1.0; 1.0; 1.0; 0.0 ]

    for name in [ "AfterPromo"; "BeforePromo"; "Promo_bw"; "Promo_fw" ] do
        ofStore 2 name table |> shouldEqual [ 0.0; 0.0 ]

[<Test>]
let ``row 57: counts over fewer rows are added by themselves`` () =
    let table = Elapsed.addCounts 3 [ "Promo" ] "Date" "Store" sales

    ofStore 1 "Promo_bw" table
    |> shouldEqual [ 0.0; 0.0; 1.0; 1.0; 1.0; 0.0; 0.0; 1.0; 1.0 ]

    ofStore 1 "Promo_fw" table
    |> shouldEqual [ 1.0; 1.0; 1.0; 0.0; 0.0; 1.0; 1.0; 1.0; 0.0 ]

    table.Names
    |> shouldEqual [| "Store"; "Date"; "Promo"; "Promo_bw"; "Promo_fw" |]

    messageOf<DataException>(fun () -> Elapsed.addCounts 0 [ "Promo" ] "Date" "Store" sales |> ignore)
    |> shouldContain [ "a window of 0 rows" ]
