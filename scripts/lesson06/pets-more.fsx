// Lesson 6: what a network for pictures is given, what it computes, and where it looks.
//
//     dotnet build -c Release
//     dotnet fsi scripts/lesson06/pets-more.fsx
//
// --data DIR is a folder with the folders `train` and `valid`, each with a folder of pictures for each class; without it the pictures are
// data/shapes/first, which come with masks of their objects and with a second set of classes. The page is
// runs/lesson06/pets-more.html. --quick trains on a part for one epoch: what needs a trained network has no verdict then.

#load "../lesson09/_lesson.fsx"

open System
open System.Diagnostics
open System.IO
open System.Runtime.InteropServices
open FunctionalDL.Core
open FunctionalDL.Data
open Lesson

let options =
    Lesson.optionsIn "lesson06" "pets-more" "shapes/first" fsi.CommandLineArgs

let key name =
    Key.child name (Key.ofSeed options.Seed)

let numbered (name: string) i =
    Key.at (Tensor.ofInt64s [] [| int64 i |]) (key name)

// ---- pictures ----------------------------------------

/// Pictures of a part of a folder, with the numbers of their classes.
let part folder name : Bitmap[] * int64[] * string list =
    try
        let files = LabelledFiles.byFolder (Path.Combine(folder, name))
        let classes = LabelledFiles.classes files

        let number label =
            int64 (List.findIndex ((=) label) classes)

        files.Files |> List.map Images.read |> Array.ofList,
        files.Labels |> List.map number |> Array.ofList,
        classes
    with :? DataException as e ->
        eprintfn $"{e.Message}"
        exit 2

let trainPictures, trainLabels, classes = part options.Data "train"
let validPictures, validLabels, _ = part options.Data "valid"

/// Every so manieth, so that all classes are there.
let spread count of' =
    Array.init (min count of') (fun i -> i * of' / min count of')

let trained, judged =
    if options.IsQuick then
        spread 64 trainPictures.Length, spread 32 validPictures.Length
    else
        [| 0 .. trainPictures.Length - 1 |], [| 0 .. validPictures.Length - 1 |]

let size = 64

let pipeline = {
    ImagePipeline.validation (Some(size, size)) with
        Augmentations =
            Augment.transforms {
                Augment.options with
                    MaxZoom = 1.05
                    MaxLighting = 0.1
                    MaxWarp = 0.05
            }
}

let batchOf (pictures: Bitmap[]) (labels: int64[]) (keyed: (int * Key option)[]) : Batch = {
    Inputs = [
        keyed
        |> Seq.map (fun (i, key) -> ImagePipeline.ofBitmap pipeline key pictures[i])
        |> List.ofSeq
        |> Tensor.stack 0
        |> ImageStats.normalise ImageStats.imageNet
    ]
    Targets = [ Tensor.ofInt64s [ keyed.Length ] (keyed |> Array.map (fun (i, _) -> labels[i])) ]
}

// ---- what is done to a picture ----------------------------------------

// As the course's lesson has them: everything, each time, and much of it.
let strong =
    Augment.transforms {
        Augment.options with
            MaxRotate = 20.0
            MaxZoom = 1.3
            MaxLighting = 0.4
            MaxWarp = 0.4
            PAffine = 1.0
            PLighting = 1.0
    }

let changed padding i =
    ImagePipeline.ofBitmap
        {
            pipeline with
                Augmentations = strong
                Padding = padding
        }
        (Some(numbered "changed" i))
        trainPictures[3]

let shown caption (picture: Bitmap) =
    let rgb = Bitmap.toRgb picture
    Figure.picture caption [ Trace.rgbImage rgb.Width rgb.Height rgb.Samples ]

let grids = [
    for name, padding in
        [
            "mirrored outside", ImagePadding.Reflection
            "black outside", ImagePadding.Zeros
            "the border outside", ImagePadding.Border
        ] ->
        [ for i in 1..9 -> Bitmap.ofTensor (changed padding i) ]
        |> Bitmap.montage 3
        |> shown name
]

let nine =
    [ for i in 1..9 -> Tensor.toFloats (changed ImagePadding.Reflection i) ]
    |> List.distinct
    |> List.length

let cut =
    let middle =
        Transform.apply ImagePadding.Reflection ResizeMethod.Crop (Some(size, size)) Augment.validation

    let there = Pixels.ofBitmap (Bitmap.toRgb trainPictures[3]) |> middle

    let back =
        Transform.apply
            ImagePadding.Reflection
            ResizeMethod.Crop
            (Some(size, size))
            [ Transform.Rotate 20.0; Transform.Rotate -20.0 ]
            there

    Array.map2 (fun a b -> abs (float a - float b)) there.Values back.Values
    |> Array.max

// ---- convolution by hand ----------------------------------------

let corner =
    Tensor.ofFloat32s [ 3; 3 ] [| 0f; -5f / 3f; 1f; -5f / 3f; -5f / 3f; 1f; 1f; 1f; 1f |]

let kernel = Tensor.expand [ 1; 3; 3; 3 ] corner / 6.0

let printed =
    Tensor.toFloats (Tensor.narrow 1 0 1 kernel)
    |> Array.map (fun v -> v.ToString("0.0000", Globalization.CultureInfo.InvariantCulture))
    |> String.concat " "

let convolved weight x =
    Convolution.conv Convolution.defaults weight None x

let large =
    ImagePipeline.ofBitmap (ImagePipeline.validation (Some(352, 352))) None validPictures[0]
    |> Tensor.unsqueeze 0

let edges = convolved kernel large

let flat =
    Tensor.full DType.Float32 [ 1; 3; 16; 16 ] 0.37
    |> convolved kernel
    |> Tensor.abs
    |> Tensor.amax
    |> Tensor.item

let two = convolved (Tensor.cat 0 [ kernel; -kernel ]) large

/// Edges as grey: none is in the middle.
let edgePicture =
    let values = Tensor.toFloats edges
    let most = values |> Array.map abs |> Array.max |> max 1e-6
    let side = edges.Shape[3]

    Figure.picture "right and bottom edges" [
        Trace.greyImage side side (values |> Array.map (fun v -> byte (127.5 + 127.5 * v / most)))
    ]

// ---- the networks ----------------------------------------

/// The body of a ResNet in two pieces: up to its third stage, and from there to the scores of classes.
let network depth head : Layer =
    match ResNet.layer (ResidualNetwork.ofDepth depth 3 1) with
    | Sequential parts ->
        let near, far = List.splitAt 7 parts

        Sequential [ "near", Sequential near; "far", Sequential [ far.Head; "head", Head.layer head ] ]
    | other -> failwith $"a ResNet is a list of layers, not {other}"

let firstValues path start layer =
    match layer with
    | Linear _ -> FirstValues.kaiming path start layer
    | _ -> ResNet.firstValues path start layer

let variablesOf name network =
    Layer.variablesBy
        firstValues
        {
            DType = DType.Float32
            Key = key name
        }
        network

/// Of ResNet-34 with the lesson's head: all, those of the head and of the body's batch norms, which are trained at first, and the rest.
let totals =
    // fastai's `bn_final`: batch norm behind the last layer too.
    let network = network 34 { Head.spec 512 37 with BnFinal = true }

    let count has =
        Tree.leaves (variablesOf "count" network).Parameters
        |> List.filter has
        |> List.sumBy (fun (_, p) -> p.Shape.Size)

    let isTrained (path: string, p: Tensor) = path.Contains "head" || p.Rank = 1
    let all, trained = count (fun _ -> true), count isTrained

    [ all; trained; all - trained ]
    |> List.map (fun n -> n.ToString("N0", Globalization.CultureInfo.InvariantCulture))
    |> String.concat " / "

/// Batches of pictures that are changed anew in each epoch: each by a key of its own.
let sourceOf batchSize (pictures: Bitmap[]) labels (chosen: int[]) : Source =
    let count = chosen.Length / batchSize

    let from epoch first =
        let order = Key.permutation chosen.Length epoch
        let items = Key.child "items" epoch

        seq {
            for b in first .. count - 1 ->
                Array.init batchSize (fun i ->
                    let place = b * batchSize + i
                    chosen[int order[place]], Some(Key.at (Tensor.ofInt64s [] [| int64 place |]) items))
                |> batchOf pictures labels
        }

    { Count = count; From = from }

let validationOf pictures labels (chosen: int[]) : Batch[] =
    chosen
    |> Array.map (fun i -> i, None)
    |> Array.chunkBySize 100
    |> Array.map (batchOf pictures labels)

/// What is not the head.
let isBody (path: string) = not (path.StartsWith "far.head")

/// One-cycle training of a network with AdamW: from some variables, the body by a rate of its own. Its steps are compiled once for all runs:
/// rates are inputs of a step.
let trainer model =
    let training: Training = {
        Model = model
        Loss = Train.lossOf Loss.crossEntropy
        Optimiser = Optimiser.adamW 2e-3 |> Optimiser.group isBody [ ("lr", 2e-3) ]
        Metrics = [ Metric.accuracy ]
    }

    let step = Compile.run (fun (s, b) -> Train.step training s b)
    let measure = Compile.run (fun (v, b) -> Train.evaluateBatch training v b)

    fun name variables (rate, bodyRate) epochs (source: Source) validation ->
        let cycle rate =
            Schedule.oneCycleOver (max 2 (epochs * source.Count)) {
                OneCycleOptions.Default with
                    LrMax = rate
            }

        let state, reports =
            Train.initWith (key name) variables training
            |> Train.fit step measure {
                Epochs = epochs
                Source = source
                Validation = validation
                Schedules = [
                    "lr", [ fst (cycle rate); fst (cycle bodyRate) ]
                    "beta1", [ snd (cycle rate) ]
                ]
            }

        state.Variables, reports

let accuracy (report: EpochReport) =
    report.Validation.Metrics[Metric.accuracy.Name]

/// A ResNet-18 for so many classes; less dropout than for photographs.
let resnetFor classes =
    network 18 {
        Head.spec 512 classes with
            Ps = [ 0.25 ]
    }

let resnet = resnetFor classes.Length
let epochs = if options.IsQuick then 1 else 8
let clock = Stopwatch.StartNew()

let variables, reports =
    trainer
        resnet
        "train"
        (variablesOf "init" resnet)
        (2e-3, 2e-3)
        epochs
        (sourceOf 32 trainPictures trainLabels trained)
        (validationOf validPictures validLabels judged)

let seconds = clock.Elapsed.TotalSeconds
printfn $"trained in %.1f{seconds} s"

for r in reports do
    printfn $"epoch %2d{r.Epoch}: %.4f{r.Training.Loss} %.4f{r.Validation.Loss} %.4f{accuracy r}"

// ---- where it looks ----------------------------------------

let piece name : Layer * Variables =
    Layer.children resnet |> List.find (fun (n, _) -> n = name) |> snd,
    {
        Parameters = Tree.child name variables.Parameters
        State = Tree.child name variables.State
    }

/// Maps at the size of pictures.
let enlarged map =
    Interpolation.interpolate
        {
            Interpolation.defaults with
                Mode = InterpolationMode.Linear
        }
        (InterpolationSize.Sizes [ size; size ])
        map

/// The class that a picture is taken for, and where that shows: Grad-CAM at the third of four stages, whose faces are 4 × 4 of a picture of
/// 64 pixels; those of the fourth are 2 × 2, too coarse to point at anything.
let look =
    let (near, nearVariables), (far, farVariables) = piece "near", piece "far"

    let scores activations =
        Layer.predict far farVariables activations

    Compile.run (fun x ->
        let activations = Layer.predict near nearVariables x
        let gradient = grad (scores >> Tensor.amax) activations
        // How much each channel speaks for the class, and where the channels that do are active.
        let weights = Tensor.meanAxesKeep [ 2; 3 ] gradient
        let map = Tensor.relu (Tensor.sumAxesKeep [ 1 ] (activations * weights))

        Tensor.argmax 1 (scores activations), Tensor.reshape [ size; size ] (enlarged map))

/// Moves of a picture, in pixels down and to the right.
let moves = [
    for down in [ -8; -4; 0; 4; 8 ] do
        for right in [ -8; -4; 0; 4; 8 ] -> down, right
]

let moved (down, right) picture =
    Padding.pad PaddingMode.Replicate [ right, -right; down, -down ] picture

/// Where it is active: the mean over the channels of its second stage. Its faces are 8 × 8, so that how an object lies to them matters;
/// the map is the sum of those of the picture moved by some pixels, each moved back.
let active =
    let near, variables = piece "near"
    let stem = Layer.children near |> List.take 6 |> Sequential

    Compile.run (fun x ->
        let activations =
            moves
            |> List.map (fun move -> moved move x)
            |> Tensor.cat 0
            |> Layer.predict stem variables

        let maps = enlarged (Tensor.meanAxesKeep [ 1 ] activations)

        moves
        |> List.mapi (fun i (down, right) -> Tensor.narrow 0 i 1 maps |> moved (-down, -right))
        |> List.reduce (+)
        |> Tensor.reshape [ size; size ])

let isShapes = File.Exists(Path.Combine(options.Data, "valid-masks.idx.gz"))
let looked = spread (if options.IsQuick then 4 else 50) validPictures.Length

let maps =
    looked
    |> Array.map (fun i ->
        let batch = batchOf validPictures validLabels [| i, None |]
        let taken, map = look batch.Inputs.Head
        i, int (Tensor.item taken), map, active batch.Inputs.Head)

/// How many maps have their peak inside the object.
let inside (mapsOf: (int * Tensor)[]) =
    let masks = Idx.read (Path.Combine(options.Data, "valid-masks.idx.gz"))

    mapsOf
    |> Array.filter (fun (i, map) ->
        let values = Tensor.toFloats map
        let peak = Array.findIndex ((=) (Array.max values)) values
        masks.Bytes[i * size * size + peak] <> 0uy)
    |> Array.length

let classInside, activeInside =
    if isShapes then
        maps |> Array.map (fun (i, _, map, _) -> i, map) |> inside,
        maps |> Array.map (fun (i, _, _, map) -> i, map) |> inside
    else
        0, 0

/// A picture that is red where the map is large.
let overlay (map: Tensor) (picture: Bitmap) : Bitmap =
    let values = Tensor.toFloats map
    let most = max 1e-9 (Array.max values)
    let red = [| 255.0; 40.0; 0.0 |]

    {
        picture with
            Samples =
                picture.Samples
                |> Array.mapi (fun i sample ->
                    let share = 0.8 * values[i / 3] / most
                    byte (float sample * (1.0 - share) + red[i % 3] * share))
    }

let overlaid caption i map =
    ImagePipeline.ofBitmap pipeline None validPictures[i]
    |> Bitmap.ofTensor
    |> overlay map
    |> shown caption

let overlays = [
    for i, taken, map, activity in Array.truncate 8 maps do
        overlaid classes[taken] i map
        overlaid "active" i activity
]

// ---- other classes ----------------------------------------

/// Where what the body has learned is kept.
let weights =
    Path.Combine(string (Path.GetDirectoryName(Path.GetFullPath options.Out)), "shapes-body.safetensors")

/// Parameters and running statistics of the body, by their paths.
let bodyOf (variables: Variables) = [
    for kind, tree in [ "parameters", variables.Parameters; "state", variables.State ] do
        for path, value in Tree.leaves tree do
            if isBody path && value.DType = DType.Float32 then
                $"{kind}.{path}", value
]

let save (variables: Variables) =
    Atomic.createFolder (string (Path.GetDirectoryName weights))

    bodyOf variables
    |> List.map (fun (name, value) -> {
        Name = name
        DType = "F32"
        Shape = value.Shape.ToArray()
        Bytes = ReadOnlyMemory(Tensor.toFloats value |> Array.collect (float32 >> BitConverter.GetBytes))
    })
    |> Safetensors.write weights []

/// Variables with the body that was kept.
let withSavedBody (variables: Variables) : Variables =
    let saved =
        Map.ofList [
            for t in (Safetensors.read weights).Tensors ->
                t.Name,
                Tensor.ofFloat32s
                    (List.ofArray t.Shape)
                    (MemoryMarshal.Cast<byte, float32>(t.Bytes.Span).ToArray())
        ]

    let replaced kind tree =
        Tree.leaves tree
        |> List.map (fun (path, value) ->
            path, saved |> Map.tryFind $"{kind}.{path}" |> Option.defaultValue value)
        |> Tree.ofLeaves

    {
        Parameters = replaced "parameters" variables.Parameters
        State = replaced "state" variables.State
    }

/// Accuracies on the second set of classes after as many epochs, in some draws: frozen and then fine-tuned from the saved weights, and
/// from nothing.
let transferred draws : (float * float) list =
    let folder = Path.Combine(options.Data, "..", "second")
    let pictures, labels, names = part folder "train"
    let validPictures, validLabels, _ = part folder "valid"

    let some most (of': 'a[]) =
        spread (if options.IsQuick then most else of'.Length) of'.Length

    let source = sourceOf 16 pictures labels (some 32 pictures)
    let validation = validationOf validPictures validLabels (some 32 validPictures)
    let network = resnetFor names.Length
    let fit = trainer network
    let half = if options.IsQuick then 1 else 4
    let last (_, reports) = accuracy (List.last reports)

    [
        for draw in 1..draws do
            let fresh = variablesOf $"second {draw}" network
            // A rate so small that nothing moves: the body is frozen. Its batch norms get to know the new pictures.
            let frozen, _ =
                fit $"frozen {draw}" (withSavedBody fresh) (4e-3, 1e-12) half source validation

            let tuned = last (fit $"tuned {draw}" frozen (1e-3, 2e-4) half source validation)

            let nothing =
                last (fit $"nothing {draw}" fresh (2e-3, 2e-3) (2 * half) source validation)

            printfn
                $"other classes, draw {draw}: %.4f{tuned} from what was learned, %.4f{nothing} from nothing"

            tuned, nothing
    ]

save variables

let gains =
    if isShapes then
        transferred (if options.IsQuick then 1 else 3)
        |> List.map (fun (tuned, nothing) -> 100.0 * (tuned - nothing))
    else
        []

let medianGain =
    if gains.IsEmpty then
        0.0
    else
        (List.sort gains)[gains.Length / 2]

// ---- the page ----------------------------------------

let pages = [
    section "What is done to a picture" [
        text
            """
            A picture of a cat that is turned a little, seen from the side, nearer, or in other light, is a picture of a cat.
            Whoever shows it each time in another way has many more pictures. Nine draws of one item: turned by up to 20 degrees,
            warped, zoomed into, lighter or darker. All changes of place are composed into one mapping, and the picture is
            sampled once. What stands outside is mirrored by default, which works best most of the time.
            """
        [ Block.Figures grids ]
    ]
    section "Convolution by hand" [
        text
            """
            A kernel of three by three slides over the picture; where it stands, products are summed. This one has
            +1 on the right and below and −5/3 on the left and above, so that their sum is 0: where the picture has one
            colour nothing comes out. Divided by 6 the largest answer can be shown. A kernel for a picture of
            three channels has three faces and gives one channel; so many kernels, so many channels.
            """
        [ Block.Figures [ edgePicture ] ]
    ]
    section "Training" [
        figures [
            Figure.create "Loss" (Axis.whole "epoch") (Axis.log "loss") [
                Trace.line "training" [ 1.0 .. float epochs ] (reports |> List.map _.Training.Loss)
                Trace.line "validation" [ 1.0 .. float epochs ] (reports |> List.map _.Validation.Loss)
            ]
            Figure.create "Accuracy" (Axis.whole "epoch") (Axis.fromZero "accuracy") [
                Trace.line "validation" [ 1.0 .. float epochs ] (reports |> List.map accuracy)
            ]
        ]
    ]
    section "Where it looks" [
        text
            """
            How much the score of a class would grow with each channel of a stage says which channels speak for the class;
            the channels' sum with these weights is a map of where they do. Faces of a later stage know more of the class and
            less of the place; where an earlier one is active at all says best where the object is.
            """
        [ Block.Figures overlays ]
    ]
]

let whenTrained check =
    check
    |> Check.onlyIf (not options.IsQuick) "needs all epochs: does not apply"
    |> Check.onlyIf isShapes "of data/shapes: does not apply"

let checks = [
    Check.text "R76" "nine draws of one item: different pictures" "" "9" (string nine)
    Check.number "R75" "largest change by turning there and back in one pass" "" (AtMost 1e-4) cut
    Check.text
        "R78"
        "the edge kernel"
        "0.0000 -0.2778 0.1667 …"
        "0.0000 -0.2778 0.1667 -0.2778 -0.2778 0.1667 0.1667 0.1667 0.1667"
        printed
    Check.number "R78" "its largest answer to one colour" "" (AtMost 1e-5) flat
    Check.text "R77" "size without padding" "(1, 1, 350, 350)" "(1, 1, 350, 350)" (sizes edges)
    Check.text "R78" "two kernels, two channels" "" "(1, 2, 350, 350)" (sizes two)
    Check.text
        "R79"
        "ResNet-34 with a new head for 37 classes: all, trained at first, frozen"
        "21,831,599 / 563,951 / 21,267,648"
        "21,831,599 / 563,951 / 21,267,648"
        totals
    Check.told "" "ResNet-18 from nothing: epochs and time" "" $"{epochs} epochs, {duration seconds}"
    Check.number "" "its validation accuracy" "" (AtLeast 0.95) (accuracy (List.last reports))
    |> whenTrained
    Check.number "" "points gained on other classes, median of three draws" "" (AtLeast 5.0) medianGain
    |> whenTrained
    Check.told
        ""
        $"Grad-CAM: maps whose peak is inside the object, of {looked.Length}"
        ""
        (if isShapes then string classInside else "no masks")
    Check.told
        ""
        $"activations: maps whose peak is inside the object, of {looked.Length}"
        ""
        (if isShapes then string activeInside else "no masks")
]

Lesson.finish options "Lesson 6: pictures" pages checks
