/// Tables as values: rows, order, joins, and where tables come from.
module FunctionalDL.Tests.Tables.TableTests

open System
open System.Data
open NUnit.Framework
open FunctionalDL.Data
open FunctionalDL.Tests.Support

let private integers (values: int list) =
    values |> Seq.map int64 |> Array.ofSeq |> Column.Integers

let private texts (values: string list) =
    values
    |> Seq.map (fun v -> (if v = "-" then null else v): string | null)
    |> Column.ofTexts

/// The texts of a column, "-" where one is missing.
let private shown name table =
    let column = Table.column name table

    [
        for i in 0 .. Column.length column - 1 ->
            match Column.text i column with
            | null -> "-"
            | text -> text
    ]

let private staff =
    Table.ofColumns [
        "name", texts [ "Ann"; "Bob"; "Cid"; "Dan" ]
        "age", integers [ 40; 30; 30; 20 ]
        "boss", Column.Flags [| true; false; true; false |]
    ]

[<Test>]
let ``rows are taken in the order asked for, and what is not there is missing`` () =
    let taken = Table.take [| 3; -1; 0 |] staff
    shown "name" taken |> shouldEqual [ "Dan"; "-"; "Ann" ]
    shown "age" taken |> shouldEqual [ "20"; "-"; "40" ]
    shown "boss" taken |> shouldEqual [ "False"; "-"; "True" ]

[<Test>]
let ``sorting goes by the first column, then the second, and keeps equal rows as they were`` () =
    shown "name" (Table.sort [ "age" ] staff)
    |> shouldEqual [ "Dan"; "Bob"; "Cid"; "Ann" ]

    shown "name" (Table.sort [ "boss"; "age" ] staff)
    |> shouldEqual [ "Dan"; "Bob"; "Cid"; "Ann" ]

    shown "name" (Table.sort [ "boss"; "name" ] staff)
    |> shouldEqual [ "Bob"; "Dan"; "Ann"; "Cid" ]

[<Test>]
let ``missing values are sorted last`` () =
    let table =
        Table.ofColumns [ "x", Column.Reals [| 2.0; nan; -1.0 |]; "t", texts [ "b"; "-"; "a" ] ]

    shown "x" (Table.sort [ "x" ] table) |> shouldEqual [ "-1"; "2"; "-" ]
    shown "t" (Table.sort [ "t" ] table) |> shouldEqual [ "a"; "b"; "-" ]

[<Test>]
let ``the distinct values are sorted and those of taken rows only`` () =
    let levels =
        Column.levels (Column.take [| 3; 2; -1; 3 |] (Table.column "name" staff))

    shouldEqual [| 1; 0; -1; 1 |] levels.Codes

    shown "v" (Table.ofColumns [ "v", levels.Values ])
    |> shouldEqual [ "Cid"; "Dan" ]

[<Test>]
let ``a left join keeps every left row, doubles what matches twice and marks what matches nothing`` () =
    let orders =
        Table.ofColumns [ "name", texts [ "Bob"; "Ann"; "Bob"; "Eve" ]; "age", integers [ 1; 2; 3; 4 ] ]

    let joined = Join.on [ "name" ] staff orders
    Seq.toList joined.Names |> shouldEqual [ "name"; "age"; "boss"; "age_y" ]
    shown "name" joined |> shouldEqual [ "Ann"; "Bob"; "Bob"; "Cid"; "Dan" ]
    shown "age_y" joined |> shouldEqual [ "2"; "1"; "3"; "-"; "-" ]

[<Test>]
let ``a join on two columns needs both to agree, and missing equals nothing`` () =
    let left =
        Table.ofColumns [ "a", texts [ "x"; "x"; "-" ]; "b", integers [ 1; 2; 1 ] ]

    let right =
        Table.ofColumns [ "A", texts [ "x"; "-"; "y" ]; "B", integers [ 2; 1; 1 ]; "v", integers [ 7; 8; 9 ] ]

    shown "v" (Join.left [ "a", "A"; "b", "B" ] "_r" left right)
    |> shouldEqual [ "-"; "7"; "-" ]

[<Test>]
let ``joining texts on numbers is refused with both columns`` () =
    messageOf<DataException>(fun () -> Join.left [ "name", "age" ] "_y" staff staff |> ignore)
    |> shouldContain [ "'age' holds whole numbers"; "'name'"; "texts" ]

[<Test>]
let ``a missing column is refused with the names of all`` () =
    messageOf<DataException>(fun () -> Table.column "wage" staff |> ignore)
    |> shouldEqual "the table: there is no column 'wage'; the columns are name, age, boss"

[<Test>]
let ``columns of different lengths or one name are refused`` () =
    messageOf<DataException>(fun () ->
        Table.ofColumns [ "a", integers [ 1 ]; "b", integers [ 1; 2 ] ] |> ignore)
    |> shouldContain [ "'b' has 2 rows"; "1" ]

    messageOf<DataException>(fun () -> Table.ofColumns [ "a", integers [ 1 ]; "a", integers [ 2 ] ] |> ignore)
    |> shouldContain [ "2 columns are named 'a'" ]

// ---- from what a program has ---------------------------------------------------------------------------------------

type Person = {
    Name: string
    Age: Nullable<int>
    Born: DateTime
    Wage: float32
}

[<Test>]
let ``objects become a row each, their properties a column each`` () =
    let table =
        Sources.ofRows [
            {
                Name = "Ann"
                Age = Nullable 40
                Born = DateTime(1980, 2, 3)
                Wage = 1.5f
            }
            {
                Name = "Bob"
                Age = Nullable()
                Born = DateTime(1990, 4, 5, 6, 7, 8)
                Wage = 2.5f
            }
        ]

    Seq.toList table.Names |> shouldEqual [ "Name"; "Age"; "Born"; "Wage" ]
    shown "Age" table |> shouldEqual [ "40"; "-" ]
    shown "Born" table |> shouldEqual [ "1980-02-03"; "1990-04-05 06:07:08" ]
    shown "Wage" table |> shouldEqual [ "1.5"; "2.5" ]

[<Test>]
let ``the rows of a database reader become a table with its missing values`` () =
    use data = new DataTable()
    data.Columns.Add("id", typeof<int>) |> ignore
    data.Columns.Add("price", typeof<decimal>) |> ignore
    data.Columns.Add("sold", typeof<bool>) |> ignore
    data.Rows.Add(1, 2.25m, true) |> ignore
    data.Rows.Add(2, DBNull.Value, false) |> ignore
    use reader = data.CreateDataReader()
    let table = Sources.ofReader reader
    shown "id" table |> shouldEqual [ "1"; "2" ]
    shown "price" table |> shouldEqual [ "2.25"; "-" ]
    Table.flags "sold" table |> shouldEqual [| true; false |]
