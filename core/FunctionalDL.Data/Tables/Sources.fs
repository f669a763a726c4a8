namespace FunctionalDL.Data

open System
open System.Collections.Generic
open System.Data
open System.Reflection

/// Tables from what a program has already: rows of a database, objects in memory.
[<RequireQualifiedAccess>]
module Sources =

    let private integerTypes =
        HashSet<Type>(
            [
                typeof<sbyte>
                typeof<byte>
                typeof<int16>
                typeof<uint16>
                typeof<int32>
                typeof<uint32>
                typeof<int64>
            ]
        )

    let private realTypes =
        HashSet<Type>([ typeof<float32>; typeof<float>; typeof<decimal>; typeof<uint64> ])

    let private invariant = Globalization.CultureInfo.InvariantCulture

    /// The values of one column, boxed, as a column of the kind that goes with their type; null and DBNull are missing.
    let private ofObjects (source: string) (name: string) (valueType: Type) (values: (objnull)[]) : Column =
        let isMissing (value: objnull) = isNull value || value :? DBNull

        let gaps = Array.exists isMissing values

        let map absent (convert: obj -> 'a) =
            values
            |> Array.map (fun value ->
                if isMissing value then
                    absent
                else
                    convert (Unchecked.nonNull value))

        let reals () =
            Column.Reals(map nan (fun value -> Convert.ToDouble(value, invariant)))

        let text (value: objnull) =
            if isMissing value then
                null
            else
                Convert.ToString(value, invariant)

        if integerTypes.Contains valueType && not gaps then
            Column.Integers(map 0L (fun value -> Convert.ToInt64(value, invariant)))
        elif integerTypes.Contains valueType || realTypes.Contains valueType then
            reals ()
        elif valueType = typeof<bool> && not gaps then
            Column.Flags(map false unbox<bool>)
        elif valueType = typeof<DateTime> then
            Column.Dates(map Column.noDate unbox<DateTime>)
        elif valueType = typeof<DateOnly> then
            Column.Dates(
                map Column.noDate (fun value -> (unbox<DateOnly> value).ToDateTime TimeOnly.MinValue)
            )
        elif
            valueType = typeof<string>
            || valueType = typeof<bool>
            || valueType = typeof<char>
            || valueType.IsEnum
        then
            values |> Seq.map text |> Column.ofTexts
        else
            Fail.data
                source
                $"column {Text.quote name} holds values of type {valueType.Name}"
                "give numbers, flags, dates or texts"

    /// The rows that a reader of a database still has, as a table. The reader stays open.
    ///
    /// *Errors:* `DataException` when a column has no name, the same name as another, or values that are not numbers, flags, dates or
    /// texts.
    let ofReader (reader: IDataReader) : Table =
        let source = "the data reader"
        let count = reader.FieldCount
        let values = Array.init count (fun _ -> List<objnull>())

        while reader.Read() do
            for i in 0 .. count - 1 do
                values[i].Add(reader.GetValue i)

        List.init count (fun i ->
            let name = reader.GetName i
            name, ofObjects source name (reader.GetFieldType i) (values[i].ToArray()))
        |> Table.ofSource source

    /// The type of the values that may be missing from a place of this type.
    let private present (valueType: Type) =
        match Nullable.GetUnderlyingType valueType with
        | null -> valueType
        | valueType -> valueType

    let private publicProperties (source: string) (rowType: Type) =
        let properties =
            rowType.GetProperties(BindingFlags.Public ||| BindingFlags.Instance)
            |> Array.filter (fun property -> property.CanRead && property.GetIndexParameters().Length = 0)
            |> Array.sortBy _.MetadataToken

        if properties.Length = 0 then
            Fail.data source "the type has no public property" "give objects with properties, such as records"

        properties

    /// A table with a row for each object, and a column for each public property that can be read, in the order in which they are
    /// declared; nullable ones may miss values.
    ///
    /// *Errors:* `DataException` when a property is not a number, flag, date or text, or there is no property.
    let ofRows<'row when 'row: not null> (rows: seq<'row>) : Table =
        let source = $"the rows of {typeof<'row>.Name}"
        let rows = Seq.toArray rows

        let properties = publicProperties source typeof<'row>

        List.ofArray properties
        |> List.map (fun property ->
            property.Name,
            rows
            |> Array.map (fun row -> property.GetValue row)
            |> ofObjects source property.Name (present property.PropertyType))
        |> Table.ofSource source

    /// A column of the values of an array: of numbers, flags, dates or texts, nullable or not.
    ///
    /// *Errors:* `DataException` naming the column when it holds anything else.
    let ofArray (name: string) (values: Array) : Column =
        let valueType =
            match values.GetType().GetElementType() with
            | null -> typeof<obj>
            | valueType -> valueType

        // By the exact type: the runtime takes an array of uint64 for one of int64.
        if valueType = typeof<float> then
            Column.Reals(Array.copy (unbox<float[]> values))
        elif valueType = typeof<int64> then
            Column.Integers(Array.copy (unbox<int64[]> values))
        elif valueType = typeof<bool> then
            Column.Flags(Array.copy (unbox<bool[]> values))
        elif valueType = typeof<DateTime> then
            Column.Dates(Array.copy (unbox<DateTime[]> values))
        else
            Array.init values.Length (fun i -> values.GetValue i)
            |> ofObjects "the table" name (present valueType)

    /// A table of one row from named values, such as one item to predict; null is missing.
    ///
    /// *Errors:* `DataException` when a value is not a number, flag, date or text, or a name appears twice.
    let ofValues (values: seq<string * objnull>) : Table =
        let source = "the values"

        values
        |> Seq.map (fun (name, value) ->
            let valueType =
                match value with
                | null -> typeof<float>
                | value -> value.GetType()

            name, ofObjects source name valueType [| value |])
        |> List.ofSeq
        |> Table.ofSource source

    /// A table of one row from the public properties of an object, such as one item to predict; null is missing.
    ///
    /// *Errors:* `DataException` when a property is not a number, flag, date or text, or there is no property.
    let ofRow (row: obj) : Table =
        publicProperties $"the row of {row.GetType().Name}" (row.GetType())
        |> Seq.map (fun property -> property.Name, property.GetValue row)
        |> ofValues
