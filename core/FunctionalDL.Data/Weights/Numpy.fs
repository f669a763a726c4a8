namespace FunctionalDL.Data

open System
open System.IO
open System.IO.Compression

/// Arrays of numpy in pickles, as the course's `mnist.pkl.gz`. They are read as data: nothing in them is executed.
[<RequireQualifiedAccess>]
module Numpy =

    [<Literal>]
    let private GivePairs = "give a pickle of pairs of arrays of numpy"

    /// More than any set of digits takes; what is unpacked is bounded by it.
    [<Literal>]
    let private MostBytes = 536870912L

    let private rebuilds =
        Set [ "numpy.core.multiarray._reconstruct"; "numpy._core.multiarray._reconstruct" ]

    let private rules = {
        Allowed = rebuilds + Set [ "numpy.ndarray"; "numpy.dtype"; "_codecs.encode" ]
        IsElsewhere = fun _ -> false
    }

    /// Elements as they lie; Python 3 writes them into old protocols as the letters of Latin-1.
    let private (|Raw|_|) value =
        match value with
        | PickleValue.Bytes bytes -> Some bytes
        | PickleValue.Call call when call.Name = "_codecs.encode" ->
            match call.Arguments with
            | [| PickleValue.Text text; Words("latin1" | "latin-1") |] when
                text |> Seq.forall (fun c -> c <= '\255')
                ->
                Some(ReadOnlyMemory(Text.Encoding.Latin1.GetBytes text))
            | _ -> Option.None
        | _ -> Option.None

    let private dtypeOf (path: string) (name: string) value : string =
        let wrong what : 'a =
            Fail.data path $"{name} has {what}" "save it as float32 or as whole numbers"

        match value with
        | PickleValue.Call call when call.Name = "numpy.dtype" && call.Arguments.Length >= 1 ->
            match call.State with
            | PickleValue.Tuple state when state.Length >= 2 && textOf state[1] = Some ">" ->
                wrong "big-endian elements"
            | _ -> ()

            match textOf call.Arguments[0] with
            | Some "f2" -> "F16"
            | Some "f4" -> "F32"
            | Some "f8" -> "F64"
            | Some "i1" -> "I8"
            | Some "i2" -> "I16"
            | Some "i4" -> "I32"
            | Some "i8" -> "I64"
            | Some "u1" -> "U8"
            | Some "u2" -> "U16"
            | Some "u4" -> "U32"
            | Some "u8" -> "U64"
            | Some "b1" -> "BOOL"
            | Some other -> wrong $"elements of the type {Text.quote other}"
            | Option.None -> wrong "elements of no known type"
        | _ -> wrong "elements of no known type"

    /// The array that a call and its state are.
    let private arrayOf (path: string) (views: Views) (name: string) value : StoredTensor =
        match value with
        | PickleValue.Call call when Set.contains call.Name rebuilds ->
            match call.State with
            | PickleValue.Tuple [| PickleValue.Int _
                                   PickleValue.Tuple sizes
                                   dtype
                                   PickleValue.Bool isByColumns
                                   Raw bytes |] ->
                let shape =
                    sizes
                    |> Array.map (fun size ->
                        match size with
                        | PickleValue.Int number -> number
                        | _ -> Fail.data path $"{name} has sizes that are no numbers" GivePairs)

                // The products are checked, so that none of them wraps around.
                let rows (shape: int64[]) =
                    Array.scanBack
                        (fun size n ->
                            if size > 0L && n > Int64.MaxValue / size then
                                Int64.MaxValue
                            else
                                size * n)
                        shape
                        1L
                    |> Array.skip 1

                let strides =
                    if isByColumns then
                        shape |> Array.rev |> rows |> Array.rev
                    else
                        rows shape

                let dtype = dtypeOf path name dtype

                views.Tensor(
                    {
                        Name = name
                        DType = dtype
                        Offset = 0L
                        Shape = shape
                        Strides = strides
                    },
                    bytes
                )
            | _ -> Fail.data path $"{name} is an array without elements" GivePairs
        | _ -> Fail.data path $"{name} is no array" GivePairs

    let private pairs (path: string) value =
        let views = Views(path, MostBytes)

        let items what value =
            match value with
            | PickleValue.Tuple items -> items
            | PickleValue.List items -> items.ToArray()
            | _ -> Fail.data path $"{what} is no tuple" GivePairs

        items "what it holds" value
        |> Array.mapi (fun i part ->
            match items $"part {i}" part with
            | [| x; y |] -> arrayOf path views $"part {i}, x" x, arrayOf path views $"part {i}, y" y
            | found -> Fail.data path $"part {i} has {found.Length} things in place of x and y" GivePairs)

    /// The pairs of arrays `(x, y)` in a pickle, packed by gzip or not: of `mnist.pkl.gz` those to train on, to judge by and to test on.
    /// At most 512 MiB unpacked.
    ///
    /// *Errors:* `DataException` that names the file, and the byte or array where one is at fault: the file is missing, cut off or
    /// damaged, has an opcode, class or function that such files do not need, or holds something else.
    let readPairs (path: string) : (StoredTensor * StoredTensor)[] =
        Fail.reading path "a pickle" (fun file ->
            use stream: Stream =
                if Deflate.isGzip file then
                    new BufferedStream(new GZipStream(file, CompressionMode.Decompress), 1 <<< 16)
                else
                    new BufferedStream(file, 1 <<< 16)

            try
                (Pickle.read rules (PickleSource(path, stream, MostBytes))).Value |> pairs path
            with :? InvalidDataException as e ->
                Fail.dataFrom e path $"its gzip is damaged: {e.Message}" "fetch or copy the file again")
