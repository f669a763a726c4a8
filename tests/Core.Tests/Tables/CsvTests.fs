/// CSV files: what is read from them, and what is refused in which words.
module FunctionalDL.Tests.Tables.CsvTests

open System
open System.IO
open System.IO.Compression
open System.Text
open NUnit.Framework
open FunctionalDL.Data
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.IdxTests

let private put (scratch: Scratch) (text: string) =
    scratch.Put "t.csv" (Encoding.UTF8.GetBytes text)

let private reading text (check: Table -> unit) =
    use scratch = new Scratch()
    check (Csv.read (put scratch text))

let private refusesText text parts =
    use scratch = new Scratch()
    let path = put scratch text
    refuses path parts (fun () -> Csv.read path |> ignore)

let private textsOf name table =
    let column = Table.column name table
    [ for i in 0 .. Column.length column - 1 -> Column.text i column |> Option.ofObj ]

[<Test>]
let ``columns get the kind that all their fields have`` () =
    reading "i,r,f,t,m\n1,1.5,True,x,\n-2,2e3,false,1,4\n" (fun table ->
        match table.Columns |> List.map snd with
        | [ Column.Integers i; Column.Reals r; Column.Flags f; Column.Texts _; Column.Reals m ] ->
            shouldEqual [| 1L; -2L |] i
            shouldEqual [| 1.5; 2000.0 |] r
            shouldEqual [| true; false |] f
            shouldBeExactly "missing" [ nan; 4.0 ] m
        | columns -> Assert.Fail $"%A{columns}")

    reading "t\n1\nx\n" (fun table -> textsOf "t" table |> shouldEqual [ Some "1"; Some "x" ])

[<Test>]
let ``quoted fields keep commas, line ends and doubled quotation marks`` () =
    reading "a,b\n\"1,2\",\"say \"\"hi\"\"\"\n\"two\nlines\",z\n" (fun table ->
        textsOf "a" table |> shouldEqual [ Some "1,2"; Some "two\nlines" ]
        textsOf "b" table |> shouldEqual [ Some "say \"hi\""; Some "z" ])

[<Test>]
let ``empty fields and the words for missing are missing`` () =
    reading "t,n\nx,NA\n,3\nNaN,\"\"\n" (fun table ->
        textsOf "t" table |> shouldEqual [ Some "x"; None; None ]
        shouldBeExactly "n" [ nan; 3.0; nan ] (Table.numbers "n" table))

[<Test>]
let ``kinds that are given are not guessed, and other delimiters are taken`` () =
    use scratch = new Scratch()
    let path = put scratch "zip;when\n01067;2015-07-31\n00501;2015-08-01\n"

    let table =
        Csv.readWith
            {
                Csv.options with
                    Delimiter = ";"
                    Kinds = Map [ "zip", ColumnKind.Texts; "when", ColumnKind.Dates ]
            }
            path

    textsOf "zip" table |> shouldEqual [ Some "01067"; Some "00501" ]

    match Table.column "when" table with
    | Column.Dates dates -> shouldEqual [| DateTime(2015, 7, 31); DateTime(2015, 8, 1) |] dates
    | column -> Assert.Fail $"%A{column}"

[<Test>]
let ``gzip is told by content, and a byte order mark is no part of the first name`` () =
    use scratch = new Scratch()
    use packed = new MemoryStream()

    let pack () =
        use stream = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen = true)

        stream.Write(
            ReadOnlySpan(Array.append (Encoding.UTF8.GetPreamble()) (Encoding.UTF8.GetBytes "é,b\n1,2\n"))
        )

    pack ()
    let table = Csv.read (scratch.Put "t.csv" (packed.ToArray()))
    Seq.toList table.Names |> shouldEqual [ "é"; "b" ]

[<Test>]
let ``a ragged line is refused with its number, counted over lines inside quotations`` () =
    refusesText "a,b\n1,2\n\"x\ny\",3\n4\n" [ "line 5: 1 fields"; "2 columns" ]
    refusesText "a,b\n1,2,3\n" [ "line 2: 3 fields" ]

[<Test>]
let ``a quotation never closed is refused with the line where it begins`` () =
    refusesText "a,b\n1,2\n3,\"x\n4,5\n" [ "line 3: a quotation mark is never closed" ]
    refusesText "a,b\n1,x\"y\n" [ "line 2: a quotation mark" ]

[<Test>]
let ``a file that is empty or names no columns is refused`` () =
    refusesText "" [ "it is empty" ]
    refusesText "a,,c\n1,2,3\n" [ "line 1: a column has no name" ]
    refusesText "a,b,a\n1,2,3\n" [ "line 1: two columns are named 'a'" ]

[<Test>]
let ``other encodings are refused instead of being read as question marks`` () =
    use scratch = new Scratch()
    let path = scratch.Put "t.csv" (Encoding.Latin1.GetBytes "name\nJosé\n")
    refuses path [ "it is not UTF-8"; "save the file as UTF-8" ] (fun () -> Csv.read path |> ignore)

[<Test>]
let ``a number column with a text in it is refused with row and text`` () =
    use scratch = new Scratch()
    let path = put scratch "n\n1\n2\nmany\n"

    let options = {
        Csv.options with
            Kinds = Map [ "n", ColumnKind.Reals ]
    }

    refuses path [ "column 'n', row 2: 'many' is not a number" ] (fun () ->
        Csv.readWith options path |> ignore)

[<Test>]
let ``a kind for a column that is not there is refused`` () =
    use scratch = new Scratch()
    let path = put scratch "n\n1\n"

    let options = {
        Csv.options with
            Kinds = Map [ "m", ColumnKind.Reals ]
    }

    refuses path [ "no column 'm'"; "the columns are n" ] (fun () -> Csv.readWith options path |> ignore)

[<Test>]
let ``what is written reads back the same`` () =
    use scratch = new Scratch()

    let table =
        Table.ofColumns [
            "i", Column.Integers [| 1L; Int64.MaxValue |]
            "r", Column.Reals [| 0.1 + 0.2; nan |]
            "f", Column.Flags [| true; false |]
            "t", Column.ofTexts [ "a,\"b\"\nc"; null ]
        ]

    Csv.write (scratch.At "w.csv") table
    let back = Csv.read (scratch.At "w.csv")

    for name in table.Names do
        shouldEqual (textsOf name table) (textsOf name back)

[<Test>]
let ``the real Adult table has its rows, and its marks for missing can be named`` () =
    let path =
        Path.Combine(repository (), "..", "shared", "data", "adult", "adult.csv.gz")

    if not (File.Exists path) then
        Assert.Ignore "needs ../shared/data/adult"

    let table = Csv.readWith { Csv.options with Missing = [ "?" ] } path
    shouldEqual 32561 table.Rows
    // 1,836 rows have no workclass, 583 no native country: the figures of the UCI repository's description.
    shouldEqual 1836 (Column.missing (Table.column "workclass" table))
    shouldEqual 583 (Column.missing (Table.column "native-country" table))
