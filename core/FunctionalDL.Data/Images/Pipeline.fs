namespace FunctionalDL.Data

open FunctionalDL.Core

/// From a file to what a network is given.
[<NoComparison; NoEquality>]
type ImagePipeline = {
    /// Rows and columns of all pictures; without it each keeps its own.
    Size: (int * int) option
    Resize: ResizeMethod
    /// What stands outside a picture that is turned, moved or padded.
    Padding: ImagePadding
    /// What is done at random, each time anew.
    Augmentations: Augmentation list
    Limits: BitmapLimits
}

/// Reading pictures as tensors.
[<RequireQualifiedAccess>]
module ImagePipeline =

    /// The middle at some size of rows and columns, nothing at random.
    let validation (size: (int * int) option) : ImagePipeline = {
        Size = size
        Resize = ResizeMethod.Crop
        Padding = ImagePadding.Reflection
        Augmentations = []
        Limits = Bitmap.limits
    }

    /// A picture `[3; height; width]` (float32, from 0 to 1) after the changes that a key stands for; without a key the middle is cut out.
    let ofBitmap (pipeline: ImagePipeline) (key: Key option) (bitmap: Bitmap) : Tensor =
        let transforms =
            match key with
            | Some key when not pipeline.Augmentations.IsEmpty -> Augment.resolve pipeline.Augmentations key
            | _ -> Augment.validation

        Bitmap.toRgb bitmap
        |> Pixels.ofBitmap
        |> Transform.apply pipeline.Padding pipeline.Resize pipeline.Size transforms
        |> Pixels.toTensor

    /// The same of a picture in a file.
    ///
    /// *Errors:* `DataException` naming the file when it cannot be read.
    let read (pipeline: ImagePipeline) (key: Key option) (path: string) : Tensor =
        Images.readWith pipeline.Limits path |> ofBitmap pipeline key
