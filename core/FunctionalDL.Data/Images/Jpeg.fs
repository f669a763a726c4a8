namespace FunctionalDL.Data

open System
open System.IO
open System.Runtime.InteropServices

/// JPEG through libturbojpeg, where the machine has it: the one format whose decoder is not ours.
[<RequireQualifiedAccess>]
module Jpeg =

    /// The library's names on Linux, macOS and Windows.
    let private names = [ "libturbojpeg.so.0"; "libturbojpeg.dylib"; "turbojpeg.dll"; "libturbojpeg" ]

    [<UnmanagedFunctionPointer(CallingConvention.Cdecl)>]
    type private InitDecompress = delegate of unit -> nativeint

    [<UnmanagedFunctionPointer(CallingConvention.Cdecl)>]
    type private Header =
        delegate of nativeint * byte[] * unativeint * byref<int> * byref<int> * byref<int> * byref<int> -> int

    [<UnmanagedFunctionPointer(CallingConvention.Cdecl)>]
    type private Decompress =
        delegate of nativeint * byte[] * unativeint * byte[] * int * int * int * int * int -> int

    [<UnmanagedFunctionPointer(CallingConvention.Cdecl)>]
    type private Destroy = delegate of nativeint -> int

    [<UnmanagedFunctionPointer(CallingConvention.Cdecl)>]
    type private ErrorText = delegate of nativeint -> nativeint

    [<UnmanagedFunctionPointer(CallingConvention.Cdecl)>]
    type private ErrorCode = delegate of nativeint -> int

    /// The functions of the library (TurboJPEG's C API, version 2).
    type private Library = {
        Init: InitDecompress
        Header: Header
        Decompress: Decompress
        Destroy: Destroy
        ErrorText: ErrorText
        ErrorCode: ErrorCode
    }

    let private load () : Library option =
        names
        |> List.tryPick (fun name ->
            match NativeLibrary.TryLoad name with
            | true, handle -> Some handle
            | false, _ -> None)
        |> Option.map (fun handle ->
            let find name =
                Marshal.GetDelegateForFunctionPointer(NativeLibrary.GetExport(handle, name))

            {
                Init = find "tjInitDecompress"
                Header = find "tjDecompressHeader3"
                Decompress = find "tjDecompress2"
                Destroy = find "tjDestroy"
                ErrorText = find "tjGetErrorStr2"
                ErrorCode = find "tjGetErrorCode"
            })

    /// Looked for once, when the first JPEG is read.
    let private library = lazy (load ())

    /// Whether this machine has the library.
    let isAvailable () : bool = library.Value.IsSome

    /// Red, green and blue, a byte each (TJPF_RGB).
    [<Literal>]
    let private Rgb = 0

    /// The code of what was read all the same (TJERR_WARNING).
    [<Literal>]
    let private Warning = 0

    let private decodeWith (library: Library) (limits: BitmapLimits) (path: string) (bytes: byte[]) : Bitmap =
        let handle = library.Init.Invoke()

        let check code =
            if code <> 0 then
                let text = string (Marshal.PtrToStringUTF8(library.ErrorText.Invoke handle))

                // Many files of cameras and collections have harmless extra bytes, which the library only warns of; pixels that
                // are not there it warns of too.
                let isHarmless =
                    library.ErrorCode.Invoke handle = Warning
                    && not (text.Contains("premature end", StringComparison.OrdinalIgnoreCase))

                if not isHarmless then
                    Fail.data path $"it cannot be read as JPEG ({text})" "fetch or copy the file again"

        try
            let size = unativeint bytes.Length
            let mutable width, height, subsampling, colours = 0, 0, 0, 0
            check (library.Header.Invoke(handle, bytes, size, &width, &height, &subsampling, &colours))

            // The library does not always say so when the file ends before the size of the picture.
            if width = 0 || height = 0 then
                Fail.data
                    path
                    "it cannot be read as JPEG (it ends inside its head)"
                    "fetch or copy the file again"

            Bitmap.checkSize limits path (int64 width) (int64 height)
            let samples = Array.zeroCreate<byte>(3 * width * height)
            check (library.Decompress.Invoke(handle, bytes, size, samples, width, 3 * width, height, Rgb, 0))

            {
                Width = width
                Height = height
                Channels = 3
                Samples = samples
            }
        finally
            library.Destroy.Invoke handle |> ignore

    /// The picture in a stream, from where it stands, in red, green and blue; `path` is its name in messages.
    ///
    /// *Errors:* `DataException` when the machine has no libturbojpeg, the bytes are not a whole JPEG file, or its header claims
    /// more pixels than `limits` allow.
    let decode (limits: BitmapLimits) (path: string) (stream: Stream) : Bitmap =
        match library.Value with
        | None ->
            Fail.data
                path
                "reading JPEG needs libturbojpeg, which this machine does not have"
                "install it (Debian: libturbojpeg0; macOS: jpeg-turbo), or convert the picture to PNG"
        | Some library ->
            use bytes = new MemoryStream()
            stream.CopyTo bytes
            decodeWith library limits path (bytes.ToArray())
