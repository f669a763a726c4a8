/// Tables made ready for a model: fitted on training rows, repeated on others.
module FunctionalDL.Tests.Tables.ProcessingTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Data
open FunctionalDL.Tests.Support

let private reals (values: float list) = Column.Reals(Array.ofList values)

let private texts (values: string list) =
    values
    |> Seq.map (fun v -> (if v = "-" then null else v): string | null)
    |> Column.ofTexts

let private integers (values: int list) =
    values |> Seq.map int64 |> Array.ofSeq |> Column.Integers

let private only categorical continuous = {
    Categorical = categorical
    Continuous = continuous
}

// ---- which columns -------------------------------------------------------------------------------------------------

[<Test>]
let ``row 56: columns are split into numbers and classes by kind and number of values`` () =
    let table =
        Table.ofColumns [
            "A", texts [ "a"; "b"; "c" ]
            "F", reals [ 1.0; 2.0; 3.0 ]
            "I", integers [ 0; 1; 1 ]
        ]

    Features.split 0 [] table |> shouldEqual (only [ "A" ] [ "F"; "I" ])

    Features.split Features.MaxCardinality [] table
    |> shouldEqual (only [ "A"; "I" ] [ "F" ])

    Features.split 20 [ "F" ] table |> shouldEqual (only [ "A"; "I" ] [])

    let many =
        Table.ofColumns [ "I", integers [ 1..21 ]; "J", integers ([ 1..20 ] @ [ 20 ]) ]

    Features.split 20 [] many |> shouldEqual (only [ "J" ] [ "I" ])

// ---- missing numbers -----------------------------------------------------------------------------------------------

let private gaps =
    Table.ofColumns [
        "x", reals [ 5.0; nan; 1.0; 1.0; 3.0; 9.0 ]
        "y", reals [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]
    ]

let private filled strategy addColumn rows =
    let fitted =
        Processing.fit [ Processor.FillMissing(strategy, addColumn) ] (only [] [ "x"; "y" ]) gaps

    fitted, Processing.apply fitted rows

[<Test>]
let ``row 58: missing numbers become the median, the commonest or a constant`` () =
    for strategy, expected in
        [ FillStrategy.Median, 3.0; FillStrategy.Common, 1.0; FillStrategy.Constant -7.0, -7.0 ] do
        let _, table = filled strategy true gaps
        shouldBeExactly $"{strategy}" [ 5.0; expected; 1.0; 1.0; 3.0; 9.0 ] (Table.numbers "x" table)

[<Test>]
let ``row 58: a column tells what was missing, for the columns that missed something in training, in other rows too``
    ()
    =
    let fitted, table = filled FillStrategy.Median true gaps
    shouldEqual (only [ "x_na" ] [ "x"; "y" ]) fitted.Features

    Table.flags "x_na" table
    |> shouldEqual [| false; true; false; false; false; false |]

    let other = Table.ofColumns [ "x", reals [ 4.0; 8.0 ]; "y", reals [ 0.0; 0.0 ] ]

    Table.flags "x_na" (Processing.apply fitted other)
    |> shouldEqual [| false; false |]

    let fitted, table = filled FillStrategy.Median false gaps
    shouldEqual (only [] [ "x"; "y" ]) fitted.Features
    ensure "x_na was added" (table.TryColumn("x_na").IsNone)

[<Test>]
let ``row 58: the filler of training is used again, and a column that missed nothing then may not now`` () =
    let fitted, _ = filled FillStrategy.Median true gaps

    let other =
        Table.ofColumns [ "x", reals [ nan; 100.0; 200.0 ]; "y", reals [ 0.0; 0.0; 0.0 ] ]

    shouldBeExactly "x" [ 3.0; 100.0; 200.0 ] (Table.numbers "x" (Processing.apply fitted other))

    let missing = Table.ofColumns [ "x", reals [ 1.0 ]; "y", reals [ nan ] ]

    messageOf<DataException>(fun () -> Processing.apply fitted missing |> ignore)
    |> shouldContain [ "column 'y' misses values, which it did not in training" ]

// ---- classes -------------------------------------------------------------------------------------------------------

[<Test>]
let ``row 59: classes are numbered from 1 in sorted order, and 0 is missing or unknown`` () =
    let train =
        Table.ofColumns [ "c", texts [ "Mar,Jun"; "-"; "Feb,May"; "Jan,Apr"; "Feb,May" ] ]

    let fitted = Processing.fit [ Processor.Categorify ] (only [ "c" ] []) train
    let codes, _ = Processing.tensors fitted (Processing.apply fitted train)
    Tensor.toInt64s codes |> shouldEqual [| 3L; 0L; 1L; 2L; 1L |]

    Processing.classes fitted
    |> shouldEqual [ "c", [ "#na#"; "Feb,May"; "Jan,Apr"; "Mar,Jun" ] ]

    let test = Table.ofColumns [ "c", texts [ "Apr"; "Mar,Jun"; "-" ] ]
    let codes, _ = Processing.tensors fitted (Processing.apply fitted test)
    Tensor.toInt64s codes |> shouldEqual [| 0L; 3L; 0L |]

[<Test>]
let ``numbers that became reals by a gap are still the classes they were`` () =
    let fitted =
        Processing.fit
            [ Processor.Categorify ]
            (only [ "year" ] [])
            (Table.ofColumns [ "year", integers [ 2015; 2013 ] ])

    let test = Table.ofColumns [ "year", reals [ nan; 2013.0; 2015.0; 2014.0 ] ]
    let codes, _ = Processing.tensors fitted (Processing.apply fitted test)
    Tensor.toInt64s codes |> shouldEqual [| 0L; 1L; 2L; 0L |]

    messageOf<DataException>(fun () ->
        Processing.apply fitted (Table.ofColumns [ "year", texts [ "2013" ] ]) |> ignore)
    |> shouldContain [ "'year' holds texts, in training whole numbers" ]

// ---- numbers -------------------------------------------------------------------------------------------------------

[<Test>]
let ``row 60: numbers are normalised by mean and sample deviation of the training rows`` () =
    let train = Table.ofColumns [ "h", integers [ 180; 140; 122 ] ]
    let fitted = Processing.fit [ Processor.Normalize ] (only [] [ "h" ]) train
    let test = Table.ofColumns [ "h", integers [ 184; 102; 113 ] ]

    // fastai's own test prints three decimals.
    shouldBeClose
        "normalised"
        0.0005
        [| 1.235; -1.527; -1.157 |]
        (Table.numbers "h" (Processing.apply fitted test))

    let own = Table.numbers "h" (Processing.apply fitted train)
    shouldBeClose "mean" 1e-12 [| 0.0 |] [| Array.average own |]
    shouldBeClose "deviation" 1e-8 [| 1.0 |] [| sqrt (Array.sumBy (fun x -> x * x) own / 2.0) |]

[<Test>]
let ``row 60: a text column cannot be normalised`` () =
    messageOf<DataException>(fun () ->
        Table.ofColumns [ "t", texts [ "a" ] ]
        |> Processing.fit [ Processor.Normalize ] (only [] [ "t" ])
        |> ignore)
    |> shouldContain [ "column 't' cannot be normalised: it holds texts" ]

// ---- all together --------------------------------------------------------------------------------------------------

let private mixed =
    Table.ofColumns [
        "shop", texts [ "b"; "a"; "-"; "b"; "c" ]
        "dist", reals [ 10.0; nan; 30.0; 50.0; 20.0 ]
        "temp", integers [ 1; 2; 3; 4; 10 ]
    ]

let private mixedFeatures = only [ "shop" ] [ "dist"; "temp" ]

[<Test>]
let ``row 61: processors run in order, each on what the ones before made`` () =
    let fitted = Processing.fit Processing.defaults mixedFeatures mixed
    shouldEqual (only [ "shop"; "dist_na" ] [ "dist"; "temp" ]) fitted.Features
    let codes, numbers = Processing.tensors fitted (Processing.apply fitted mixed)
    // dist_na: false 1, true 2.
    Tensor.toInt64s codes
    |> shouldEqual [| 2L; 1L; 1L; 2L; 0L; 1L; 2L; 1L; 3L; 1L |]

    // 10, 25, 30, 50, 20 (the median 25 filled in): mean 27, squares 289 + 4 + 9 + 529 + 49 = 880, deviation √220.
    let dist =
        [ 10.0; 25.0; 30.0; 50.0; 20.0 ] |> List.map (fun x -> (x - 27.0) / sqrt 220.0)
    // 1, 2, 3, 4, 10: mean 4, squares 9 + 4 + 1 + 0 + 36 = 50, deviation √12.5.
    let temp = [ 1.0; 2.0; 3.0; 4.0; 10.0 ] |> List.map (fun x -> (x - 4.0) / sqrt 12.5)

    shouldBeClose
        "numbers"
        1e-6
        (List.zip dist temp |> Seq.collect (fun (d, t) -> [ d; t ]) |> Array.ofSeq)
        (Tensor.toFloats numbers)

[<Test>]
let ``row 61: other rows change nothing that was learned, and one row alone gives what it gave among all``
    ()
    =
    let train = Table.take [| 0; 1; 3 |] mixed
    let fitted = Processing.fit Processing.defaults mixedFeatures train
    let batch = Processing.tensors fitted (Processing.apply fitted mixed)

    for row in 0 .. mixed.Rows - 1 do
        let codes, numbers =
            Table.take [| row |] mixed
            |> Processing.apply fitted
            |> Processing.tensors fitted

        let part (x: Tensor) = Tensor.narrow 0 row 1 x
        Tensor.toInt64s codes |> shouldEqual (Tensor.toInt64s (part (fst batch)))
        shouldBeExactly $"row {row}" (Tensor.toFloats (part (snd batch))) (Tensor.toFloats numbers)

    let changed = Table.set "temp" (integers [ 1; 2; 999; 4; -999 ]) mixed

    let again =
        Processing.fit Processing.defaults mixedFeatures (Table.take [| 0; 1; 3 |] changed)

    shouldEqual fitted again

[<Test>]
let ``row 61: a row given by names and values is processed as in the table`` () =
    let fitted = Processing.fit Processing.defaults mixedFeatures mixed

    let tensorsOf rows =
        let codes, numbers = Processing.tensors fitted (Processing.apply fitted rows)
        Tensor.toInt64s codes, Tensor.toFloats numbers

    [ "shop", box "c"; "dist", null; "temp", box 3 ]
    |> Sources.ofValues
    |> tensorsOf
    |> shouldEqual (
        Table.ofColumns [ "shop", texts [ "c" ]; "dist", reals [ nan ]; "temp", integers [ 3 ] ]
        |> tensorsOf
    )

[<Test>]
let ``tables of classes only or numbers only are legal`` () =
    for features in [ only [ "shop" ] []; only [] [ "temp" ] ] do
        let fitted = Processing.fit Processing.defaults features mixed
        let codes, numbers = Processing.tensors fitted (Processing.apply fitted mixed)
        dimsOf codes |> shouldEqual [ 5; features.Categorical.Length ]
        dimsOf numbers |> shouldEqual [ 5; features.Continuous.Length ]

[<Test>]
let ``what a model is given is shown as it was, with what was filled in and without unknown classes`` () =
    let fitted =
        Processing.fit Processing.defaults mixedFeatures (Table.take [| 0; 1; 3 |] mixed)

    let codes, numbers = Processing.tensors fitted (Processing.apply fitted mixed)

    let shown = Processing.restore fitted [ codes; numbers ] |> Table.ofColumns

    shouldEqual [| "shop"; "dist_na"; "dist"; "temp" |] (Seq.toArray shown.Names)

    [ for i in 0..4 -> Column.text i (Table.column "shop" shown) ]
    |> shouldEqual [ "b"; "a"; null; "b"; null ]

    Table.flags "dist_na" shown
    |> shouldEqual [| false; true; false; false; false |]
    // 30 is the median of the three that were fitted on, of which one is missing.
    shouldBeClose "dist" 1e-5 [| 10.0; 30.0; 30.0; 50.0; 20.0 |] (Table.numbers "dist" shown)
    shouldBeClose "temp" 1e-5 [| 1.0; 2.0; 3.0; 4.0; 10.0 |] (Table.numbers "temp" shown)

    let numbersOnly = Processing.fit Processing.defaults (only [] [ "temp" ]) mixed
    let _, numbers = Processing.tensors numbersOnly (Processing.apply numbersOnly mixed)

    match Processing.restore numbersOnly [ numbers ] with
    | [ "temp", Column.Reals values ] -> shouldBeClose "temp" 1e-5 [| 1.0; 2.0; 3.0; 4.0; 10.0 |] values
    | other -> failwith $"{other}"

// ---- targets -------------------------------------------------------------------------------------------------------

let private sales =
    Table.ofColumns [ "Sales", integers [ 100; 200; 100 ]; "kind", texts [ "b"; "a"; "b" ] ]

[<Test>]
let ``row 62: whole numbers are classes unless told otherwise, and logarithms are taken when asked`` () =
    shouldEqual TargetKind.Category (Target.infer "Sales" sales)
    shouldEqual TargetKind.Category (Target.infer "kind" sales)
    shouldEqual (TargetKind.Real false) (Target.infer "x" gaps)

    let classes = Target.fit TargetKind.Category [ "Sales" ] sales

    Tensor.toInt64s (Target.apply classes sales).Values
    |> shouldEqual [| 0L; 1L; 0L |]

    shouldEqual 2 (Target.outputs classes)
    shouldEqual [ "100"; "200" ] (Target.classes classes)

    let amounts = Target.fit (TargetKind.Real true) [ "Sales" ] sales
    let values = (Target.apply amounts sales).Values
    dimsOf values |> shouldEqual [ 3; 1 ]
    shouldBeClose "logarithms" 1e-6 [| log 100.0; log 200.0; log 100.0 |] (Tensor.toFloats values)
    shouldEqual 1 (Target.outputs amounts)

[<Test>]
let ``rows of classes that training did not have are left out and named`` () =
    let fitted = Target.fit TargetKind.Category [ "kind" ] sales
    let valid = Table.ofColumns [ "kind", texts [ "z"; "a"; "y"; "b"; "z" ] ]
    let targets = Target.apply fitted valid
    shouldEqual [| 1; 3 |] targets.Rows
    shouldEqual [ "z"; "y" ] targets.Unknown
    Tensor.toInt64s targets.Values |> shouldEqual [| 0L; 1L |]

[<Test>]
let ``a missing target, or one without a logarithm, is refused with column and row`` () =
    messageOf<DataException>(fun () -> Target.fit (TargetKind.Real false) [ "x" ] gaps |> ignore)
    |> shouldContain [ "column 'x', row 1: the target is missing" ]

    let zero = Table.ofColumns [ "Sales", integers [ 5; 0 ] ]

    messageOf<DataException>(fun () ->
        Target.apply (Target.fit (TargetKind.Real true) [ "Sales" ] zero) zero |> ignore)
    |> shouldContain [ "column 'Sales', row 1: 0 has no logarithm" ]

[<Test>]
let ``row 62: predictions become the names of classes, and numbers undone from their logarithms`` () =
    let classes = Target.fit TargetKind.Category [ "kind" ] sales

    Target.decode classes (Tensor.ofFloat32s [ 3; 2 ] [| 0.9f; 0.1f; 0.2f; 0.8f; 0.5f; 0.5f |])
    |> shouldEqual [ "kind", Column.take [| 0; 1; 0 |] (texts [ "a"; "b" ]) ]

    Target.restore classes (Target.apply classes sales).Values
    |> shouldEqual [ "kind", Column.take [| 1; 0; 1 |] (texts [ "a"; "b" ]) ]

    let two = FittedTarget.Real([ "x"; "y" ], false)

    Target.decode two (Tensor.ofFloat32s [ 2; 2 ] [| 1f; 2f; 3f; 4f |])
    |> shouldEqual [ "x", reals [ 1.0; 3.0 ]; "y", reals [ 2.0; 4.0 ] ]

    match Target.decode (FittedTarget.Real([ "x" ], true)) (Tensor.ofFloat32s [ 2; 1 ] [| 0f; 1f |]) with
    | [ "x", Column.Reals values ] -> shouldBeClose "undone" 1e-12 [| 1.0; Math.E |] values
    | other -> failwith $"{other}"

    messageOf<DataException>(fun () -> Target.decode two (Tensor.zeros [ 2; 3 ]) |> ignore)
    |> shouldContain [ "[2; 3]"; "[rows; 2]" ]

// ---- keeping -------------------------------------------------------------------------------------------------------

[<Test>]
let ``a recipe reads back as it was, whatever its columns hold`` () =
    let table =
        mixed
        |> Table.set "day" (Column.Dates [| for i in 1..5 -> DateTime(2015, 1, i, 3, 4, 5) |])
        |> Table.set "open" (Column.Flags [| true; false; true; true; false |])
        |> Table.set "third" (reals [ 1.0 / 3.0; 0.1; 0.1; 2e-300; -5.0 ])

    let recipe = {
        Processing =
            Processing.fit
                Processing.defaults
                (only [ "shop"; "day"; "open"; "third" ] [ "dist"; "temp" ])
                table
        Target = Target.fit TargetKind.Category [ "shop" ] (Table.take [| 0; 1 |] table)
    }

    shouldEqual recipe (Recipe.ofJson "model.safetensors" (Recipe.toJson recipe))

    let real = {
        recipe with
            Target = FittedTarget.Real([ "a"; "b" ], true)
    }

    shouldEqual real (Recipe.ofJson "m" (Recipe.toJson real))

[<Test>]
let ``a recipe that is broken, or of a later version, is refused with the file's name`` () =
    let recipe = {
        Processing = Processing.fit Processing.defaults mixedFeatures mixed
        Target = FittedTarget.Real([ "temp" ], false)
    }

    let json = Recipe.toJson recipe

    for broken in
        [
            json.Substring(0, 40)
            json.Replace("\"version\":1", "\"version\":2")
            json.Replace("\"step\":\"fill\"", "\"step\":\"forget\"")
            json.Replace("\"continuous\"", "\"continous\"")
            "[]"
            "null"
        ] do
        messageOf<DataException>(fun () -> Recipe.ofJson "m.safetensors" broken |> ignore)
        |> shouldContain [ "m.safetensors: its recipe for tables cannot be read" ]

// ---- splits --------------------------------------------------------------------------------------------------------

[<Test>]
let ``splits name each row once, random ones by their key, and time leaves no later row to training`` () =
    let parts = Split.random 0.25 (Key.ofSeed 3L) 10
    Array.append parts.Train parts.Valid |> Array.sort |> shouldEqual [| 0..9 |]
    shouldEqual 2 parts.Valid.Length
    shouldEqual parts (Split.random 0.25 (Key.ofSeed 3L) 10)
    ensure "two keys split alike" (parts <> Split.random 0.25 (Key.ofSeed 4L) 10)

    shouldEqual
        {
            Train = [| 1; 3 |]
            Valid = [| 2; 0 |]
        }
        (Split.byIndices [| 2; 0 |] 4)

    let days =
        [ 3; 1; 2; 5; 4 ] |> Seq.map (fun d -> DateTime(2015, 1, d)) |> Array.ofSeq

    let dated = Table.ofColumns [ "Date", Column.Dates days ]
    let parts = Split.fromDate "Date" (DateTime(2015, 1, 4)) dated

    shouldEqual
        {
            Train = [| 0; 1; 2 |]
            Valid = [| 3; 4 |]
        }
        parts

[<Test>]
let ``row 68: the latest rows are for validation, and no moment is in both parts`` () =
    let days =
        [ 3; 1; 2; 2; 4 ] |> Seq.map (fun d -> DateTime(2015, 1, d)) |> Array.ofSeq

    let dated = Table.ofColumns [ "Date", Column.Dates days ]
    let valid count = (Split.latest "Date" count dated).Valid
    shouldEqual [| 4 |] (valid 1)
    shouldEqual [| 0; 4 |] (valid 2)
    shouldEqual [| 0; 2; 3; 4 |] (valid 3)
    shouldEqual [| 1 |] (Split.latest "Date" 4 dated).Train

    for count in [ 0; 5 ] do
        messageOf<DataException>(fun () -> valid count |> ignore)
        |> shouldContain [ "give 1 to 4" ]

[<Test>]
let ``splits that cannot be are refused`` () =
    messageOf<DataException>(fun () -> Split.byIndices [| 4 |] 4 |> ignore)
    |> shouldContain [ "there is no row 4" ]

    messageOf<DataException>(fun () -> Split.byIndices [| 1; 1 |] 4 |> ignore)
    |> shouldContain [ "row 1 is named twice" ]

    messageOf<DataException>(fun () -> Split.random nan (Key.ofSeed 0L) 4 |> ignore)
    |> shouldContain [ "from 0 to 1" ]
