namespace FunctionalDL.Data

open System
open System.Buffers.Binary
open System.Collections.Generic
open System.Text

/// What a pickle says. Nothing in it was executed: a call of a class or function is only noted.
[<RequireQualifiedAccess; CustomEquality; NoComparison>]
type internal PickleValue =
    | None
    | Bool of bool
    | Int of int64
    /// A whole number of more than 64 bits.
    | Big of bigint
    | Float of float
    | Text of string
    | Bytes of ReadOnlyMemory<byte>
    | Tuple of PickleValue[]
    | List of ResizeArray<PickleValue>
    /// In the order in which it was filled. `collections.OrderedDict` is one too.
    | Dict of ResizeArray<struct (PickleValue * PickleValue)>
    /// A class or function by its name, such as `torch.FloatStorage`.
    | Global of string
    /// A call of such a one.
    | Call of PickleCall
    /// What the file keeps elsewhere, by what it is called there.
    | Persistent of PickleValue

    // A pickle can hold itself, so that values are compared by what they are and not by what is in them.
    override this.Equals other = Object.ReferenceEquals(this, other)
    override this.GetHashCode() = LanguagePrimitives.PhysicalHash this

/// A call that a pickle asks for, and the state that it gives its result.
and [<Sealed>] internal PickleCall(name: string, arguments: PickleValue[]) =
    member _.Name = name
    member _.Arguments = arguments
    member val State = PickleValue.None with get, set

/// Texts, which Python 2 wrote as bytes.
[<AutoOpen>]
module internal PickleTexts =

    let textOf (value: PickleValue) : string option =
        match value with
        | PickleValue.Text text -> Some text
        | PickleValue.Bytes bytes -> Some(Encoding.Latin1.GetString bytes.Span)
        | _ -> Option.None

    let (|Words|_|) (value: PickleValue) = textOf value

/// What a pickle may speak of.
[<NoEquality; NoComparison>]
type internal PickleRules = {
    /// The classes and functions, as `torch.FloatStorage`.
    Allowed: Set<string>
    /// Whether a value is the name of something that the file keeps elsewhere.
    IsElsewhere: PickleValue -> bool
}

/// A pickle, and all that it finds elsewhere.
[<NoEquality; NoComparison>]
type internal Pickled = {
    Value: PickleValue
    Persistents: PickleValue list
}

/// Reading pickles, Python's format of objects, as data: the protocols 2 to 4 as far as dictionaries, lists, numbers, texts and the
/// calls in an allow-list need them. No name is looked up and nothing is called, so a hostile file can do nothing. Source: the
/// descriptions of opcodes in Python's `pickletools`.
[<RequireQualifiedAccess>]
module internal Pickle =

    /// A machine that has read a part of a pickle.
    [<Sealed>]
    type private Machine(source: PickleSource, rules: PickleRules) =
        let stack = Stack<PickleValue>()
        let marks = Stack<int>()
        let memo = Dictionary<int, PickleValue>()
        let persistents = ResizeArray<PickleValue>()

        /// Where the values of the innermost mark begin.
        let floor () =
            if marks.Count > 0 then marks.Peek() else 0

        member _.Persistents = List.ofSeq persistents

        member _.Wrong(why: string) : 'a = source.Wrong why

        member _.Push value = stack.Push value

        member this.Pop() : PickleValue =
            if stack.Count > floor () then
                stack.Pop()
            else
                this.Wrong "there is no value for it"

        member this.Top: PickleValue =
            if stack.Count > floor () then
                stack.Peek()
            else
                this.Wrong "there is no value for it"

        member _.Mark() = marks.Push stack.Count

        member this.PopToMark() : PickleValue[] =
            if marks.Count = 0 then
                this.Wrong "there is no mark for it"

            let items = Array.zeroCreate (stack.Count - marks.Pop())

            for i in items.Length - 1 .. -1 .. 0 do
                items[i] <- stack.Pop()

            items

        member this.PopTuple count =
            let items = Array.zeroCreate count

            for i in count - 1 .. -1 .. 0 do
                items[i] <- this.Pop()

            this.Push(PickleValue.Tuple items)

        member this.Remember(index: int) =
            // A pickle numbers what it remembers one by one, each number by an opcode of two bytes or more.
            if index < 0 || int64 index > source.Position then
                this.Wrong $"number {uint32 index} is beyond all that it can have remembered"

            memo[index] <- this.Top

        member this.RememberNext() = memo[memo.Count] <- this.Top

        member this.Recall index =
            match memo.TryGetValue index with
            | true, value -> this.Push value
            | false, _ -> this.Wrong $"nothing was remembered as number {uint32 index}"

        member this.Global name =
            if not (Set.contains name rules.Allowed) then
                this.Wrong $"the class or function {Text.quote name} is not allowed"

            this.Push(PickleValue.Global name)

        member this.Append(items: PickleValue[]) =
            match this.Top with
            | PickleValue.List list -> list.AddRange items
            | _ -> this.Wrong "what it fills is no list"

        member this.SetItems(items: PickleValue[]) =
            match this.Top with
            | PickleValue.Dict entries when items.Length % 2 = 0 ->
                for i in 0..2 .. items.Length - 1 do
                    entries.Add(struct (items[i], items[i + 1]))
            | _ -> this.Wrong "what it fills is no dictionary, or has keys without values"

        /// A dictionary that keeps its order is a dictionary here, filled or not.
        member private this.OrderedDict(arguments: PickleValue[]) =
            let entries = ResizeArray()

            match arguments with
            | [||] -> ()
            | [| PickleValue.List pairs |] ->
                for pair in pairs do
                    match pair with
                    | PickleValue.List both when both.Count = 2 -> entries.Add(struct (both[0], both[1]))
                    | PickleValue.Tuple [| key; value |] -> entries.Add(struct (key, value))
                    | _ -> this.Wrong "a dictionary is made of pairs"
            | _ -> this.Wrong "a dictionary is made of pairs"

            PickleValue.Dict entries

        member this.Reduce() =
            match this.Pop(), this.Pop() with
            | PickleValue.Tuple arguments, PickleValue.Global "collections.OrderedDict" ->
                this.Push(this.OrderedDict arguments)
            | PickleValue.Tuple arguments, PickleValue.Global name ->
                this.Push(PickleValue.Call(PickleCall(name, arguments)))
            | _ -> this.Wrong "what it calls is no function, or its arguments are no tuple"

        member this.Build() =
            let state = this.Pop()

            match this.Top with
            | PickleValue.Call call -> call.State <- state
            // Attributes of a dictionary, as PyTorch's `_metadata`.
            | PickleValue.Dict _ -> ()
            | _ -> this.Wrong "what it gives a state has none"

        member this.Elsewhere() =
            let name = this.Pop()

            if not (rules.IsElsewhere name) then
                this.Wrong "it names something outside of the pickle that is no storage"

            let value = PickleValue.Persistent name
            persistents.Add value
            this.Push value

    let private utf8 = UTF8Encoding(false, true)

    let private text (machine: Machine) (bytes: byte[]) =
        try
            machine.Push(PickleValue.Text(utf8.GetString bytes))
        with :? ArgumentException ->
            machine.Wrong "its text is not UTF-8"

    let private bytes (machine: Machine) (bytes: byte[]) =
        machine.Push(PickleValue.Bytes(ReadOnlyMemory bytes))

    let private whole (bytes: byte[]) =
        let value = bigint (ReadOnlySpan bytes)

        if bytes.Length <= 8 then
            PickleValue.Int(int64 value)
        else
            PickleValue.Big value

    /// Reads one opcode's arguments and does it; whether it was the last.
    let private step (source: PickleSource) (machine: Machine) : bool =
        let unsigned (size: int) = int64 (uint32 size)
        let opcode = source.Opcode()

        match opcode with
        | 0x80uy ->
            let version = source.Byte()

            if version > 5uy then
                machine.Wrong $"protocol {version} is not known"
        | 0x95uy ->
            // The length of a frame only helps those who read ahead, but one that cannot be is a lie.
            let length = source.Int64()

            if length < 0L || length > source.MostBytes then
                machine.Wrong $"a frame of {Text.number length} bytes is longer than the file"
        | 'N'B -> machine.Push PickleValue.None
        | 0x88uy -> machine.Push(PickleValue.Bool true)
        | 0x89uy -> machine.Push(PickleValue.Bool false)
        | 'J'B -> machine.Push(PickleValue.Int(int64 (source.Int32())))
        | 'K'B -> machine.Push(PickleValue.Int(int64 (source.Byte())))
        | 'M'B -> machine.Push(PickleValue.Int(int64 (source.UInt16())))
        | 0x8auy -> machine.Push(whole (source.Bytes(int64 (source.Byte()))))
        | 'G'B ->
            machine.Push(
                PickleValue.Float(BinaryPrimitives.ReadDoubleBigEndian(ReadOnlySpan(source.Bytes 8L)))
            )
        | 'X'B -> text machine (source.Bytes(unsigned (source.Int32())))
        | 0x8cuy -> text machine (source.Bytes(int64 (source.Byte())))
        | 0x8duy -> text machine (source.Bytes(source.Int64()))
        | 'T'B
        | 'B'B -> bytes machine (source.Bytes(unsigned (source.Int32())))
        | 'U'B
        | 'C'B -> bytes machine (source.Bytes(int64 (source.Byte())))
        | 0x8euy -> bytes machine (source.Bytes(source.Int64()))
        | ')'B -> machine.Push(PickleValue.Tuple [||])
        | '('B -> machine.Mark()
        | 't'B -> machine.Push(PickleValue.Tuple(machine.PopToMark()))
        | 0x85uy -> machine.PopTuple 1
        | 0x86uy -> machine.PopTuple 2
        | 0x87uy -> machine.PopTuple 3
        | ']'B -> machine.Push(PickleValue.List(ResizeArray()))
        | 'a'B -> machine.Append [| machine.Pop() |]
        | 'e'B -> machine.Append(machine.PopToMark())
        | '}'B -> machine.Push(PickleValue.Dict(ResizeArray()))
        | 's'B ->
            let value = machine.Pop()
            machine.SetItems [| machine.Pop(); value |]
        | 'u'B -> machine.SetItems(machine.PopToMark())
        | 'c'B ->
            let where = source.Line()
            machine.Global $"{where}.{source.Line()}"
        | 0x93uy ->
            match machine.Pop(), machine.Pop() with
            | PickleValue.Text name, PickleValue.Text where -> machine.Global $"{where}.{name}"
            | _ -> machine.Wrong "a class has no name"
        | 'R'B -> machine.Reduce()
        | 'b'B -> machine.Build()
        | 'Q'B -> machine.Elsewhere()
        | 'q'B -> machine.Remember(int (source.Byte()))
        | 'r'B -> machine.Remember(source.Int32())
        | 0x94uy -> machine.RememberNext()
        | 'h'B -> machine.Recall(int (source.Byte()))
        | 'j'B -> machine.Recall(source.Int32())
        | '.'B -> ()
        | _ -> machine.Wrong "it is not allowed"

        opcode = '.'B

    /// The pickle that begins where the source is, which then stands behind it. What the rules do not allow is refused.
    ///
    /// *Errors:* `DataException` that names the byte, and the opcode or class where one is at fault.
    let read (rules: PickleRules) (source: PickleSource) : Pickled =
        let machine = Machine(source, rules)

        let rec run () =
            if not (step source machine) then
                run ()

        run ()

        {
            Value = machine.Pop()
            Persistents = machine.Persistents
        }
