namespace FunctionalDL.Data

open System
open System.Buffers.Binary
open System.Collections.Generic
open System.IO
open System.IO.Compression

/// The state dictionaries that `torch.save` writes: in a zip file since PyTorch 1.6, as pickles one after the other before it. They
/// are read as data: nothing in them is executed. Source: `torch/serialization.py`, `torch/_utils.py`.
[<RequireQualifiedAccess>]
module Torch =

    [<Literal>]
    let private FetchAgain = "fetch or copy the file again"

    /// Views of what is smaller may be of any size up to it (bytes).
    [<Literal>]
    let private SmallFile = 67108864L

    [<Literal>]
    let private GiveState = "give what torch.save(model.state_dict(), path) wrote"

    /// The element types of storages, by the names of their classes.
    let private dtypes =
        Map [
            "torch.DoubleStorage", "F64"
            "torch.FloatStorage", "F32"
            "torch.HalfStorage", "F16"
            "torch.BFloat16Storage", "BF16"
            "torch.LongStorage", "I64"
            "torch.IntStorage", "I32"
            "torch.ShortStorage", "I16"
            "torch.CharStorage", "I8"
            "torch.ByteStorage", "U8"
            "torch.BoolStorage", "BOOL"
            "torch.ComplexFloatStorage", "C64"
        ]

    let private allowed =
        Set [
            "collections.OrderedDict"
            "torch._utils._rebuild_tensor"
            "torch._utils._rebuild_tensor_v2"
            "torch._utils._rebuild_parameter"
            yield! Map.keys dtypes
        ]

    let private rules = {
        Allowed = allowed
        IsElsewhere =
            fun name ->
                match name with
                | PickleValue.Tuple items when items.Length >= 5 -> textOf items[0] = Some "storage"
                | _ -> false
    }

    /// A piece of memory that tensors are views of, as the pickle speaks of it.
    type private StorageName = {
        Key: string
        DType: string
        Elements: int64
    }

    let private storageName (path: string) value : StorageName =
        match value with
        | PickleValue.Persistent(PickleValue.Tuple items) when items.Length >= 5 ->
            match items[0], items[1], items[2], items[4] with
            | Words "storage", PickleValue.Global kind, Words key, PickleValue.Int elements when
                dtypes.ContainsKey kind && elements >= 0L
                ->
                if items.Length > 5 && not items[5].IsNone then
                    Fail.data
                        path
                        $"storage {Text.quote key} is a view of another, as PyTorch before 0.4 wrote it"
                        GiveState

                {
                    Key = key
                    DType = dtypes[kind]
                    Elements = elements
                }
            | _ -> Fail.data path "its pickle speaks of a storage in a way that is not known" GiveState
        | _ -> Fail.data path "its pickle speaks of a storage in a way that is not known" GiveState

    /// The storages of a pickle, each once.
    let private storageNames (path: string) (pickled: Pickled) : Map<string, StorageName> =
        (Map.empty, pickled.Persistents)
        ||> List.fold (fun known value ->
            let name = storageName path value

            match Map.tryFind name.Key known with
            | Some other when other <> name ->
                Fail.data
                    path
                    $"its pickle gives storage {Text.quote name.Key} two types or sizes"
                    FetchAgain
            | _ -> Map.add name.Key name known)

    /// The bytes of a storage.
    let private lengthOf (path: string) (storage: StorageName) : int64 =
        match Safetensors.elementSize storage.DType with
        | Some size when storage.Elements <= int64 Array.MaxLength / int64 size ->
            storage.Elements * int64 size
        | _ ->
            Fail.data
                path
                $"storage {Text.quote storage.Key} has {Text.number storage.Elements} elements, more than an array holds"
                "save it in smaller parts"

    // ---- what a dictionary holds ----------------------------------------

    let private numbers value =
        match value with
        | PickleValue.Tuple items ->
            let found =
                items
                |> Array.choose (fun item ->
                    match item with
                    | PickleValue.Int number -> Some number
                    | _ -> Option.None)

            if found.Length = items.Length then
                Some found
            else
                Option.None
        | _ -> Option.None

    /// The view that a tensor is, and its storage.
    let rec private viewOf (path: string) (name: string) value : (View * PickleValue) option =
        match value with
        | PickleValue.Call call ->
            match call.Name, call.Arguments with
            | "torch._utils._rebuild_parameter", arguments when arguments.Length >= 1 ->
                // A parameter of a parameter is nothing that PyTorch writes, and could be without end.
                match arguments[0] with
                | PickleValue.Call inner when inner.Name <> call.Name -> viewOf path name arguments[0]
                | _ -> Option.None
            | ("torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor"), arguments when
                arguments.Length >= 4
                ->
                match arguments[1], numbers arguments[2], numbers arguments[3] with
                | PickleValue.Int offset, Some shape, Some strides ->
                    let storage = storageName path arguments[0]

                    Some(
                        {
                            Name = name
                            DType = storage.DType
                            Offset = offset
                            Shape = shape
                            Strides = strides
                        },
                        arguments[0]
                    )
                | _ -> Option.None
            | _ -> Option.None
        | _ -> Option.None

    /// Where training scripts keep the model's state beside that of the optimiser.
    let private nested = [ "state_dict"; "model" ]

    let private entries (path: string) value : struct (PickleValue * PickleValue) seq =
        let inner (entries: ResizeArray<struct (PickleValue * PickleValue)>) =
            entries
            |> Seq.tryPick (fun (struct (key, value)) ->
                match key, value with
                | Words name, PickleValue.Dict inside when List.contains name nested -> Some inside
                | _ -> Option.None)

        match value with
        | PickleValue.Dict entries -> inner entries |> Option.defaultValue entries |> Seq.cast
        | _ -> Fail.data path "it holds no dictionary of tensors" GiveState

    /// The tensors of a dictionary, whose storages `memory` gives.
    let private tensors
        path
        (file: FileStream)
        (memory: StorageName -> ReadOnlyMemory<byte>)
        value
        : StoredTensor[] =
        // Tied weights make tensors larger than their file, but not by much.
        let views = Views(path, max SmallFile (4L * file.Length))
        let names = HashSet<string>(StringComparer.Ordinal)

        [|
            for struct (key, value) in entries path value do
                let name =
                    match textOf key with
                    | Some name -> name
                    | Option.None -> Fail.data path "its dictionary has a key that is no text" GiveState

                if not (names.Add name) then
                    Fail.data path $"its dictionary names {Text.quote name} twice" FetchAgain

                match viewOf path name value with
                | Some(view, storage) -> views.Tensor(view, memory (storageName path storage))
                | Option.None -> Fail.data path $"{Text.quote name} is no tensor" GiveState
        |]

    // ---- the zip file ----------------------------------------

    let private ofZip (path: string) (file: FileStream) : StoredTensor[] =
        use zip = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen = true)

        let read (entry: ZipArchiveEntry) (length: int64) : byte[] =
            // What is stored as it is cannot be larger than the file.
            if
                entry.Length <> length
                || entry.CompressedLength <> length
                || length > file.Length
            then
                Fail.data
                    path
                    $"its part {Text.quote entry.FullName} has {Text.number entry.Length} bytes ({Text.number entry.CompressedLength} packed) in place of {Text.number length}"
                    FetchAgain

            use stream = entry.Open()
            let bytes = Array.zeroCreate<byte>(int length)
            stream.ReadExactly(Span bytes)

            if Crc32.ofBytes (ReadOnlySpan bytes) <> entry.Crc32 then
                Fail.data path $"the check sum of its part {Text.quote entry.FullName} is wrong" FetchAgain

            bytes

        let parts = Dictionary<string, ZipArchiveEntry>(StringComparer.Ordinal)

        for entry in zip.Entries do
            if not (parts.TryAdd(entry.FullName, entry)) then
                Fail.data path $"it has two parts {Text.quote entry.FullName}" FetchAgain

        let pickle =
            match
                parts.Keys
                |> Seq.filter (fun name -> name = "data.pkl" || name.EndsWith "/data.pkl")
                |> List.ofSeq
            with
            | [ name ] -> parts[name]
            | found -> Fail.data path $"it has {found.Length} parts data.pkl" GiveState

        let folder = pickle.FullName[.. pickle.FullName.Length - "data.pkl".Length - 1]

        match parts.TryGetValue $"{folder}byteorder" with
        | true, entry when entry.Length <> 6L ->
            Fail.data path "it was written by a machine that is big-endian" GiveState
        | _ -> ()

        let pickled =
            use stream = new MemoryStream(read pickle pickle.Length)
            Pickle.read rules (PickleSource(path, stream, stream.Length))

        let names = storageNames path pickled
        let held = Dictionary<string, ReadOnlyMemory<byte>>()
        let mutable total = 0L

        let memory (storage: StorageName) =
            match held.TryGetValue storage.Key with
            | true, bytes -> bytes
            | false, _ ->
                let bytes = lengthOf path names[storage.Key]
                total <- total + bytes

                if total > file.Length then
                    Fail.data path "its storages lie over each other" FetchAgain

                match parts.TryGetValue $"{folder}data/{storage.Key}" with
                | true, entry ->
                    let read = ReadOnlyMemory(read entry bytes)
                    held[storage.Key] <- read
                    read
                | false, _ ->
                    Fail.data path $"it has no part {Text.quote storage.Key} for a storage" FetchAgain

        tensors path file memory pickled.Value

    // ---- pickles one after the other ----------------------------------------

    /// What every such file begins with.
    let private magic = bigint.Parse "119547037146038801333356"

    let private ofPickles (path: string) (file: FileStream) : StoredTensor[] =
        use buffered = new BufferedStream(file, 1 <<< 16)
        let source = PickleSource(path, buffered, 2L * file.Length)
        let next () = Pickle.read rules source

        let expect what isIt =
            if not (isIt (next ()).Value) then
                Fail.data path $"it does not begin with {what}" GiveState

        let isMagic value =
            match value with
            | PickleValue.Big number -> number = magic
            | _ -> false

        let isVersion value =
            match value with
            | PickleValue.Int 1001L -> true
            | _ -> false

        let isLittleEndian value =
            match value with
            | PickleValue.Dict entries ->
                entries
                |> Seq.exists (fun (struct (key, value)) ->
                    match key, value with
                    | Words "little_endian", PickleValue.Bool isLittle -> isLittle
                    | _ -> false)
            | _ -> false

        expect "PyTorch's number" isMagic
        expect "version 1001" isVersion
        expect "the word that it is little-endian" isLittleEndian
        let pickled = next ()
        let names = storageNames path pickled
        let held = Dictionary<string, ReadOnlyMemory<byte>>()

        match (next ()).Value with
        | PickleValue.List keys ->
            for key in keys do
                match textOf key |> Option.bind names.TryFind with
                | Some storage when not (held.ContainsKey storage.Key) ->
                    let length = lengthOf path storage
                    let elements = source.Int64()

                    if elements <> storage.Elements || length > file.Length - source.Position then
                        Fail.data
                            path
                            $"storage {Text.quote storage.Key} has {Text.number elements} elements in place of {Text.number storage.Elements}, or the file is cut off"
                            FetchAgain

                    held[storage.Key] <- ReadOnlyMemory(source.Bytes length)
                | _ ->
                    Fail.data
                        path
                        "it has a storage that its pickle does not speak of, or one twice"
                        FetchAgain
        | _ -> Fail.data path "it has no list of storages" FetchAgain

        let memory (storage: StorageName) =
            match held.TryGetValue storage.Key with
            | true, bytes -> bytes
            | false, _ -> Fail.data path $"it has no storage {Text.quote storage.Key}" FetchAgain

        tensors path file memory pickled.Value

    // ---- either ----------------------------------------

    let private beginsWith (bytes: byte[]) (file: FileStream) =
        let head = Array.zeroCreate<byte> bytes.Length
        let got = file.ReadAtLeast(Span head, head.Length, throwOnEndOfStream = false)
        file.Position <- 0L
        got = bytes.Length && head = bytes

    let private isZip = beginsWith "PK\003\004"B
    let private isPickles = beginsWith [| 0x80uy; 2uy; 0x8auy; 0x0auy |]

    /// Whether the file's content is what `torch.save` writes; its name does not matter.
    let internal isTorch (file: FileStream) = isZip file || isPickles file

    let internal ofFile (path: string) (file: FileStream) : StoredTensor[] =
        if isZip file then
            try
                ofZip path file
            with :? InvalidDataException as e ->
                Fail.dataFrom e path $"its zip is damaged: {e.Message}" FetchAgain
        elif isPickles file then
            ofPickles path file
        else
            Fail.data path "it is no file of PyTorch's" GiveState

    /// The tensors of a state dictionary in a file that `torch.save` wrote, in order; of a larger dictionary the state under
    /// `state_dict` or `model`. Parameters and tensors, of any element type, contiguous or not, sharing memory or not.
    ///
    /// *Errors:* `DataException` that names the file, and the byte or tensor where one is at fault: the file is missing, cut off or
    /// damaged; its pickle has an opcode, class or function that such files do not need; a tensor lies outside of its storage.
    let read (path: string) : StoredTensor[] =
        Fail.reading path "a file of PyTorch's" (ofFile path)
