namespace FunctionalDL.Core

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.Reflection
open FSharp.Reflection

/// How the values of one type come apart into tensors and static parts, and together again.
[<NoComparison; NoEquality>]
type private Codec = {
    /// Adds the tensors of the value to the first list and its static parts to the second.
    TakeApart: obj -> List<Tensor> -> List<obj> -> unit
    /// The value again, with tensors taken from the queue instead of its own.
    PutTogether: obj -> Queue<Tensor> -> obj
}

/// The codecs of all types, made when a type is first met.
[<AbstractClass; Sealed>]
type private Codecs private () =

    static let made = ConcurrentDictionary<Type, Codec>()

    static let tensor = {
        TakeApart = fun value tensors _ -> tensors.Add(value :?> Tensor)
        PutTogether = fun _ tensors -> box (tensors.Dequeue())
    }

    static let constant = {
        TakeApart = fun value _ statics -> statics.Add value
        PutTogether = fun value _ -> value
    }

    static member Of(t: Type) : Codec =
        match made.TryGetValue t with
        | true, codec -> codec
        | _ ->
            let codec = Codecs.Build t
            made[t] <- codec
            codec

    /// Fields in order, read and made by the two functions. The codecs of the fields are looked up at use: types
    /// may be recursive.
    static member private Product(types: Type[], read: obj -> obj[], make: obj[] -> obj) : Codec = {
        TakeApart =
            fun value tensors statics ->
                let fields = read value

                for i in 0 .. types.Length - 1 do
                    Codecs.Of(types[i]).TakeApart fields[i] tensors statics
        PutTogether =
            fun value tensors ->
                read value
                |> Array.mapi (fun i field -> Codecs.Of(types[i]).PutTogether field tensors)
                |> make
    }

    /// The tag of a union's case is static.
    static member private Union(t: Type) : Codec =
        let tag = FSharpValue.PreComputeUnionTagReader t

        let cases =
            FSharpType.GetUnionCases t
            |> Array.map (fun case ->
                let types = case.GetFields() |> Array.map _.PropertyType
                let read = FSharpValue.PreComputeUnionReader case
                Codecs.Product(types, read, FSharpValue.PreComputeUnionConstructor case))

        {
            TakeApart =
                fun value tensors statics ->
                    let case = tag value
                    statics.Add case
                    cases[case].TakeApart value tensors statics
            PutTogether = fun value tensors -> cases[tag value].PutTogether value tensors
        }

    /// Items of one type; their number is static.
    static member private Items<'c, 't>(toArray: 'c -> 't[], ofArray: 't[] -> 'c) : Codec =
        let item = lazy Codecs.Of typeof<'t>

        {
            TakeApart =
                fun value tensors statics ->
                    let items = toArray (unbox<'c> value)
                    statics.Add items.Length

                    for i in items do
                        item.Value.TakeApart (box i) tensors statics
            PutTogether =
                fun value tensors ->
                    toArray (unbox<'c> value)
                    |> Array.map (fun i -> unbox<'t>(item.Value.PutTogether (box i) tensors))
                    |> ofArray
                    |> box
        }

    static member private Arrays<'t>() = Codecs.Items<'t[], 't>(id, id)

    static member private Lists<'t>() =
        Codecs.Items<'t list, 't>(List.toArray, List.ofArray)

    static member private Maps<'k, 'v when 'k: comparison>() =
        Codecs.Items<Map<'k, 'v>, 'k * 'v>(Map.toArray, Map.ofArray)

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
            let read = FSharpValue.PreComputeTupleReader t
            Codecs.Product(FSharpType.GetTupleElements t, read, FSharpValue.PreComputeTupleConstructor t)
        elif FSharpType.IsRecord t then
            let types = FSharpType.GetRecordFields t |> Array.map _.PropertyType
            let read = FSharpValue.PreComputeRecordReader t
            Codecs.Product(types, read, FSharpValue.PreComputeRecordConstructor t)
        elif FSharpType.IsUnion t then
            Codecs.Union t
        else
            constant

/// Any .NET value seen as a tree with tensors for leaves: a tensor, or a tuple, record, union, list, array or
/// map of such values. Everything else in it (numbers, texts, functions) is *static*: part of the tree's form.
/// This is what lets `grad` and `compile` take functions over whatever types a program uses for its parameters,
/// state and batches.
[<RequireQualifiedAccess>]
module Structure =

    /// The tensors of a value, in the order of its fields and items, and all else in it: two values with equal
    /// static parts differ in their tensors alone.
    let takeApart (value: 'a) : struct (Tensor[] * obj[]) =
        let tensors, statics = List<Tensor>(), List<obj>()
        Codecs.Of(typeof<'a>).TakeApart (box value) tensors statics
        struct (tensors.ToArray(), statics.ToArray())

    /// The tensors of a value, in the order of its fields and items.
    let leaves (value: 'a) : Tensor[] =
        let struct (tensors, _) = takeApart value
        tensors

    /// `value` with its tensors replaced, in the order of `leaves`.
    let rebuild (value: 'a) (tensors: Tensor seq) : 'a =
        Codecs.Of(typeof<'a>).PutTogether (box value) (Queue<Tensor> tensors)
        |> unbox<'a>

    /// `value` with a function applied to each tensor.
    let map (f: Tensor -> Tensor) (value: 'a) : 'a =
        rebuild value (leaves value |> Array.map f)

    /// A function of two tensors applied leaf by leaf to two values of one form.
    let map2 (f: Tensor -> Tensor -> Tensor) (a: 'a) (b: 'a) : 'a =
        rebuild a (Array.map2 f (leaves a) (leaves b))
