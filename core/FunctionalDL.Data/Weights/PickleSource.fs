namespace FunctionalDL.Data

open System
open System.Buffers.Binary
open System.IO
open System.Text

/// What Python calls the steps of a pickle. Source: `pickletools`.
[<RequireQualifiedAccess>]
module internal Opcode =

    /// Those that are never done too, since messages name them.
    let private names =
        Map [
            0x80uy, "PROTO"
            0x95uy, "FRAME"
            'N'B, "NONE"
            0x88uy, "NEWTRUE"
            0x89uy, "NEWFALSE"
            'I'B, "INT"
            'J'B, "BININT"
            'K'B, "BININT1"
            'M'B, "BININT2"
            'L'B, "LONG"
            0x8auy, "LONG1"
            0x8buy, "LONG4"
            'F'B, "FLOAT"
            'G'B, "BINFLOAT"
            'V'B, "UNICODE"
            'X'B, "BINUNICODE"
            0x8cuy, "SHORT_BINUNICODE"
            0x8duy, "BINUNICODE8"
            'S'B, "STRING"
            'T'B, "BINSTRING"
            'U'B, "SHORT_BINSTRING"
            'B'B, "BINBYTES"
            'C'B, "SHORT_BINBYTES"
            0x8euy, "BINBYTES8"
            0x96uy, "BYTEARRAY8"
            0x97uy, "NEXT_BUFFER"
            0x98uy, "READONLY_BUFFER"
            '('B, "MARK"
            ')'B, "EMPTY_TUPLE"
            't'B, "TUPLE"
            0x85uy, "TUPLE1"
            0x86uy, "TUPLE2"
            0x87uy, "TUPLE3"
            ']'B, "EMPTY_LIST"
            'a'B, "APPEND"
            'e'B, "APPENDS"
            'l'B, "LIST"
            '}'B, "EMPTY_DICT"
            's'B, "SETITEM"
            'u'B, "SETITEMS"
            'd'B, "DICT"
            0x8fuy, "EMPTY_SET"
            0x90uy, "ADDITEMS"
            0x91uy, "FROZENSET"
            '0'B, "POP"
            '1'B, "POP_MARK"
            '2'B, "DUP"
            'g'B, "GET"
            'h'B, "BINGET"
            'j'B, "LONG_BINGET"
            'p'B, "PUT"
            'q'B, "BINPUT"
            'r'B, "LONG_BINPUT"
            0x94uy, "MEMOIZE"
            0x82uy, "EXT1"
            0x83uy, "EXT2"
            0x84uy, "EXT4"
            'c'B, "GLOBAL"
            0x93uy, "STACK_GLOBAL"
            'R'B, "REDUCE"
            'b'B, "BUILD"
            'i'B, "INST"
            'o'B, "OBJ"
            0x81uy, "NEWOBJ"
            0x92uy, "NEWOBJ_EX"
            'P'B, "PERSID"
            'Q'B, "BINPERSID"
            '.'B, "STOP"
        ]

    let nameOf (opcode: byte) : string =
        names |> Map.tryFind opcode |> Option.defaultValue $"0x{opcode:x2}"

/// Where bytes come from, with their position in the file.
[<Sealed>]
type internal PickleSource(path: string, stream: Stream, mostBytes: int64) =
    let mutable position = 0L
    let mutable start = 0L
    let mutable opcode = 0uy
    let mutable steps = 0
    let mutable taken = 0L

    /// Many times what the largest networks need.
    let mostSteps = 4194304

    /// What is made room for before any byte of it has come.
    let piece = 1L <<< 20

    member _.Position = position
    member _.MostBytes = mostBytes

    /// *Errors:* always `DataException`, which names the opcode that is being done and the byte that it is.
    member _.Wrong(why: string) : 'a =
        Fail.data
            path
            $"its pickle is refused at byte {Text.number start}, opcode {Opcode.nameOf opcode}: {why}"
            "give a file that holds tensors and nothing else"

    member _.Byte() : byte =
        match stream.ReadByte() with
        | -1 ->
            Fail.data
                path
                $"cut off: its pickle ends at byte {Text.number position}"
                "fetch or copy the file again"
        | value ->
            position <- position + 1L
            byte value

    /// The opcode that is to be done next; messages name it.
    member this.Opcode() : byte =
        start <- position
        opcode <- this.Byte()
        steps <- steps + 1

        // A packed file can unpack to any number of opcodes, each of which takes memory.
        if steps > mostSteps then
            this.Wrong $"it has more than {Text.number (int64 mostSteps)} opcodes"

        opcode

    /// So many bytes. Memory is taken only as bytes arrive, since the count may be a lie.
    member this.Bytes(count: int64) : byte[] =
        taken <- taken + count

        if count < 0L || count > int64 Array.MaxLength || taken > mostBytes then
            this.Wrong $"it claims {Text.number count} bytes, more than there are"

        let mutable bytes = Array.zeroCreate<byte>(int (min count piece))
        let mutable filled = 0

        while int64 filled < count do
            if filled = bytes.Length then
                Array.Resize(&bytes, int (min count (2L * int64 filled)))

            match stream.Read(bytes, filled, bytes.Length - filled) with
            | 0 ->
                Fail.data
                    path
                    $"cut off: opcode {Opcode.nameOf opcode} at byte {Text.number start} of its pickle claims {Text.number count} bytes and has {Text.number filled}"
                    "fetch or copy the file again"
            | got -> filled <- filled + got

        position <- position + count
        bytes

    member this.UInt16() =
        BinaryPrimitives.ReadUInt16LittleEndian(ReadOnlySpan(this.Bytes 2L))

    member this.Int32() =
        BinaryPrimitives.ReadInt32LittleEndian(ReadOnlySpan(this.Bytes 4L))

    member this.Int64() =
        BinaryPrimitives.ReadInt64LittleEndian(ReadOnlySpan(this.Bytes 8L))

    /// A line of letters, as names of classes are kept.
    member this.Line() : string =
        let text = StringBuilder()
        let mutable next = this.Byte()

        while next <> byte '\n' do
            if text.Length = 200 || next < 32uy || next > 126uy then
                this.Wrong "the name of its class is no line of at most 200 letters"

            text.Append(char next) |> ignore
            next <- this.Byte()

        text.ToString()
