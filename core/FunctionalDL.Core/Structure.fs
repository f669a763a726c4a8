namespace FunctionalDL.Core

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.Reflection
open System.Runtime.CompilerServices
open FSharp.Reflection

/// How the values of one type come apart into tensors and static parts, and together again.
[<AbstractClass>]
type private Codec() =

    /// Whether values of the type are static as a whole.
    abstract IsStatic: bool
    default _.IsStatic = false

    /// Adds the tensors of the value to the first list and its static parts to the second.
    abstract TakeApart: value: obj * tensors: List<Tensor> * statics: List<obj> -> unit

    /// The value again, with tensors taken from the queue instead of its own.
    abstract PutTogether: value: obj * tensors: Queue<Tensor> -> obj

    /// Adds the path of each tensor of the value, which itself is at the given path.
    abstract Name: value: obj * path: string * names: List<string> -> unit

/// Small numbers as objects: each step of a loop counts its lists and cases again.
[<RequireQualifiedAccess>]
module private Boxed =

    let private small = Array.init 64 box

    let int (n: int) =
        if n >= 0 && n < small.Length then small[n] else box n

/// The codecs of all types, made when a type is first met.
[<AbstractClass; Sealed>]
type private Codecs private () =

    static let made = ConcurrentDictionary<Type, Codec>()

    /// Private records and unions are taken apart too: left whole, their tensors would silently have no
    /// derivative.
    static let anyAccess = BindingFlags.Public ||| BindingFlags.NonPublic

    static let tensor = {
        new Codec() with
            member _.TakeApart(value, tensors, _) = tensors.Add(value :?> Tensor)
            member _.PutTogether(_, tensors) = box (tensors.Dequeue())
            member _.Name(_, path, names) = names.Add path
    }

    static let constant = {
        new Codec() with
            member _.IsStatic = true
            member _.TakeApart(value, _, statics) = statics.Add value
            member _.PutTogether(value, _) = value
            member _.Name(_, _, _) = ()
    }

    static member Of(t: Type) : Codec =
        match made.TryGetValue t with
        | true, codec -> codec
        | _ ->
            let codec = Codecs.Build t
            made[t] <- codec
            codec

    /// Fields in order, read and made by the two functions; `names` follow the path of the whole. The codecs
    /// of the fields are looked up at first use: types may be recursive.
    static member private Product
        (types: Type[], names: string[], read: obj -> obj[], make: obj[] -> obj)
        : Codec =
        let codecs = lazy (types |> Array.map Codecs.Of)

        {
            new Codec() with
                member _.TakeApart(value, tensors, statics) =
                    let fields, codecs = read value, codecs.Value

                    for i in 0 .. fields.Length - 1 do
                        codecs[i].TakeApart(fields[i], tensors, statics)

                member _.PutTogether(value, tensors) =
                    let fields, codecs = read value, codecs.Value

                    for i in 0 .. fields.Length - 1 do
                        if not codecs[i].IsStatic then
                            fields[i] <- codecs[i].PutTogether(fields[i], tensors)

                    make fields

                member _.Name(value, path, found) =
                    let fields = read value

                    for i in 0 .. fields.Length - 1 do
                        codecs.Value[i].Name(fields[i], path + names[i], found)
        }

    /// The tag of a union's case is static.
    static member private Union(t: Type) : Codec =
        let tag = FSharpValue.PreComputeUnionTagReader(t, anyAccess)

        let cases =
            FSharpType.GetUnionCases(t, anyAccess)
            |> Array.map (fun case ->
                let fields = case.GetFields()
                let types = fields |> Array.map _.PropertyType

                let names =
                    fields |> Array.map (fun f -> if fields.Length = 1 then "" else "." + f.Name)

                let read = FSharpValue.PreComputeUnionReader(case, anyAccess)
                Codecs.Product(types, names, read, FSharpValue.PreComputeUnionConstructor(case, anyAccess)))

        {
            new Codec() with
                member _.TakeApart(value, tensors, statics) =
                    let case = tag value
                    statics.Add(Boxed.int case)
                    cases[case].TakeApart(value, tensors, statics)

                member _.PutTogether(value, tensors) =
                    cases[tag value].PutTogether(value, tensors)

                member _.Name(value, path, found) =
                    cases[tag value].Name(value, path, found)
        }

    /// Items of one type; their number is static. `map` makes the same collection of other items, in order.
    static member private Items<'c, 't>
        (count: 'c -> int, iterate: ('t -> unit) -> 'c -> unit, map: ('t -> 't) -> 'c -> 'c)
        : Codec =
        let item = lazy Codecs.Of typeof<'t>

        /// Where an item is: by its own name when it is a pair of a name and something, else by its number.
        let place i (value: obj) =
            match value with
            | :? ITuple as pair when pair.Length = 2 && (pair[0] :? string) -> $".{pair[0]}"
            | _ -> $"[{i}]"

        {
            new Codec() with
                member _.TakeApart(value, tensors, statics) =
                    let items, codec = unbox<'c> value, item.Value
                    statics.Add(Boxed.int (count items))
                    iterate (fun i -> codec.TakeApart(box i, tensors, statics)) items

                member _.PutTogether(value, tensors) =
                    let items, codec = unbox<'c> value, item.Value
                    box (map (fun i -> unbox<'t>(codec.PutTogether(box i, tensors))) items)

                member _.Name(value, path, found) =
                    let mutable number = -1
                    let items = List<'t>()
                    iterate items.Add (unbox<'c> value)

                    for i in items do
                        number <- number + 1
                        item.Value.Name(box i, path + place number (box i), found)
        }

    static member private Arrays<'t>() =
        Codecs.Items<'t[], 't>(Array.length, Array.iter, Array.map)

    static member private Lists<'t>() =
        Codecs.Items<'t list, 't>(List.length, List.iter, List.map)

    static member private Maps<'k, 'v when 'k: comparison>() =
        let iterate f (items: Map<'k, 'v>) = items |> Map.toArray |> Array.iter f

        let map f (items: Map<'k, 'v>) =
            items |> Map.toArray |> Array.map f |> Map.ofArray

        Codecs.Items<Map<'k, 'v>, 'k * 'v>(Map.count, iterate, map)

    static member private Build(t: Type) : Codec =
        let generic (name: string) (types: Type[]) =
            let factory =
                typeof<Codecs>.GetMethod(name, BindingFlags.Static ||| BindingFlags.NonPublic)

            factory.MakeGenericMethod(types).Invoke(null, [||]) :?> Codec

        let isA (definition: Type) =
            t.IsGenericType && t.GetGenericTypeDefinition() = definition

        if t = typeof<Tensor> then
            tensor
        elif t.IsArray then
            generic "Arrays" [| t.GetElementType() |]
        elif isA typedefof<_ list> then
            generic "Lists" (t.GetGenericArguments())
        elif isA typedefof<Map<_, _>> then
            generic "Maps" (t.GetGenericArguments())
        elif FSharpType.IsTuple t then
            let types = FSharpType.GetTupleElements t
            // The name in a pair is what its place is called already.
            let isNamed = types.Length = 2 && types[0] = typeof<string>
            let names = types |> Array.mapi (fun i _ -> if isNamed then "" else $".{i}")
            let read = FSharpValue.PreComputeTupleReader t
            Codecs.Product(types, names, read, FSharpValue.PreComputeTupleConstructor t)
        elif FSharpType.IsRecord(t, anyAccess) then
            let fields = FSharpType.GetRecordFields(t, anyAccess)
            let types = fields |> Array.map _.PropertyType
            let names = fields |> Array.map (fun f -> "." + f.Name)
            let read = FSharpValue.PreComputeRecordReader(t, anyAccess)
            Codecs.Product(types, names, read, FSharpValue.PreComputeRecordConstructor(t, anyAccess))
        elif FSharpType.IsUnion(t, anyAccess) then
            Codecs.Union t
        else
            constant

/// Any .NET value seen as a tree with tensors for leaves: a tensor, or a tuple, record, union, list, array or
/// map of such values. Everything else in it (numbers, texts, functions) is *static*: part of the tree's
/// form. This is what lets `grad` and `compile` take functions over whatever types a program uses for its
/// parameters, state and batches.
[<RequireQualifiedAccess>]
module Structure =

    /// The tensors of a value, in the order of its fields and items, and all else in it: two values with
    /// equal static parts differ in their tensors alone.
    let takeApart (value: 'a) : struct (Tensor[] * obj[]) =
        let tensors, statics = List<Tensor>(), List<obj>()
        Codecs.Of(typeof<'a>).TakeApart(box value, tensors, statics)
        struct (tensors.ToArray(), statics.ToArray())

    /// The tensors of a value, in the order of its fields and items.
    let leaves (value: 'a) : Tensor[] =
        let struct (tensors, _) = takeApart value
        tensors

    /// What messages call each tensor of an argument, in the order of `leaves`: `argument 0` for the whole,
    /// `argument 1.weight` for a field of the second of several.
    let names (value: 'a) : string[] =
        let found = List<string>()

        match box value with
        | :? ITuple as several when several.Length > 0 ->
            Codecs.Of(typeof<'a>).Name(box value, "argument ", found)
            // The first part of a tuple's path is its number: `argument .1`.
            found
            |> Seq.map (fun name -> name.Replace("argument .", "argument "))
            |> Seq.toArray
        | whole ->
            Codecs.Of(typeof<'a>).Name(whole, "argument 0", found)
            found.ToArray()

    /// `value` with its tensors replaced, in the order of `leaves`.
    let rebuild (value: 'a) (tensors: Tensor seq) : 'a =
        Codecs.Of(typeof<'a>).PutTogether(box value, Queue<Tensor> tensors) |> unbox<'a>

    /// `value` with a function applied to each tensor.
    let map (f: Tensor -> Tensor) (value: 'a) : 'a =
        rebuild value (leaves value |> Array.map f)

    /// A function of two tensors applied leaf by leaf to two values of one form.
    let map2 (f: Tensor -> Tensor -> Tensor) (a: 'a) (b: 'a) : 'a =
        rebuild a (Array.map2 f (leaves a) (leaves b))
