// Lesson 9, part 02a: why √5?
//
//     dotnet build -c Release
//     dotnet fsi scripts/lesson09/02a-why-sqrt5.fsx --data ../shared/data/mnist
//
// PyTorch initialises a convolution with `kaiming_uniform_(w, a=math.sqrt(5))`, and nobody could say why. We take it
// apart: what the number does, what comes of it, and what happens to a network of four convolutions. The page is
// runs/lesson09/02a-why-sqrt5.html.

#load "_lesson.fsx"

open FunctionalDL.Core
open FunctionalDL.Data
open Lesson

let options = Lesson.options "02a-why-sqrt5" fsi.CommandLineArgs
let digits = Lesson.digits options

let key name =
    Key.child name (Key.ofSeed options.Seed)

let ofMnist = Check.ofMnist digits

// ---- 1. Pictures for a convolution ----------------------------------------

let rawMean, rawStd = stats digits.TrainX

/// A picture is [channels; height; width]; the numbers stay where they are.
let asPictures (x: Tensor) =
    (x - rawMean) / rawStd |> Tensor.reshape [ -1; 1; 28; 28 ]

let xTrain, xValid = asPictures digits.TrainX, asPictures digits.ValidX
let x = Tensor.narrow 0 0 100 xValid
let channels = 32
let spec = Layer.conv 1 channels [ 5; 5 ]
let layer = Conv spec

/// Fresh variables of the convolution, as the library (and PyTorch) makes them.
let fresh name =
    Layer.variables
        {
            DType = DType.Float32
            Key = key name
        }
        layer

let l1 = fresh "l1"
let weight, bias = Tree.find "weight" l1.Parameters, Tree.find "bias" l1.Parameters

let withWeight w = {
    l1 with
        Parameters = Tree.set "weight" w l1.Parameters
}

let through variables = Layer.predict layer variables x

let oblong = Layer.predict layer l1 (Tensor.zeros [ 3; 1; 28; 17 ])

let pictures =
    section "A convolution" [
        text
            """
            A convolution with 32 kernels of 5 × 5 pixels turns a picture of 28 × 28 into 32 pictures of 24 × 24. Its weight has
            the axes outputs, inputs, height, width. The pictures need not be square; those of the course just are.
            """
        figures [
            gallery "The first validation pictures" 7 (Tensor.narrow 0 0 14 digits.ValidX) [
                for label in Tensor.toInt64s (Tensor.narrow 0 0 14 digits.ValidY) -> $"{label}"
            ]
        ]
    ]

let classes = int (Tensor.item (Tensor.amax digits.TrainY)) + 1

let pictureChecks = [
    Check.text
        "E2a-01, row 1"
        "shapes of the pictures"
        "(50000, 1, 28, 28), (10000, 1, 28, 28)"
        "(50000, 1, 28, 28), (10000, 1, 28, 28)"
        $"{sizes xTrain}, {sizes xValid}"
    |> ofMnist
    Check.text
        "row 1"
        "element types of pictures and labels"
        "float32, int64"
        "float32, int64"
        (($"{digits.TrainX.DType}, {digits.TrainY.DType}").ToLowerInvariant())
    Check.text "E2a-02" "pictures, classes" "50000, 10" "50000, 10" $"{xTrain.Shape[0]}, {classes}"
    |> ofMnist
    Check.text "E2a-03" "shape of x" "(100, 1, 28, 28)" "(100, 1, 28, 28)" (sizes x)
    Check.text
        "E2a-04, row 2"
        "shapes of weight and bias"
        "(32, 1, 5, 5)"
        "(32, 1, 5, 5), (32)"
        $"{sizes weight}, {sizes bias}"
    Check.text
        "row 2"
        "shape of the output, and of that for pictures of 28 × 17"
        ""
        "(100, 32, 24, 24), (3, 32, 24, 13)"
        $"{sizes (through l1)}, {sizes oblong}"
]

// ---- 2. What comes out of it ----------------------------------------

let relu = Tensor.relu

let kaimingNormal slope =
    Init.kaimingNormal DType.Float32 slope [ channels; 1; 5; 5 ]

let forLinear = through (withWeight (kaimingNormal 1.0 (key "a = 1")))
let forRelu = relu (through (withWeight (kaimingNormal 0.0 (key "a = 0"))))
let byDefault = relu (through (fresh "l1 again"))

let histogram title (traces: (string * Tensor) list) =
    let bins = { Start = -3.0; End = 3.0; Size = 0.1 }

    Figure.create title (Axis.named "activation") (Axis.named "how many") [
        for name, x in traces -> Trace.histogramIn bins name (x |> Tensor.narrow 0 0 20 |> Tensor.toFloats)
    ]

let outputs =
    section "What comes out of it" [
        text
            """
            The inputs have a deviation of 1. With the default weights the outputs have one of 0.6, and behind a ReLU less than 0.4:
            a layer like this shrinks everything. With weights as K. He and others proposed for this case (normal, with deviation
            √(2/25)), the deviation stays near 1. So the default does not suit a network with ReLU. What is it?
            """
        figures [
            histogram "Behind the convolution" [ "default", through l1; "Kaiming, a = 1", forLinear ]
            histogram "Behind the ReLU, values above 0" [
                "default",
                Tensor.where
                    (Tensor.gt byDefault (Tensor.zerosLike byDefault))
                    byDefault
                    (Tensor.full DType.Float32 [] -9.0)
                "Kaiming, a = 0",
                Tensor.where
                    (Tensor.gt forRelu (Tensor.zerosLike forRelu))
                    forRelu
                    (Tensor.full DType.Float32 [] -9.0)
            ]
        ]
    ]

let absMax (x: Tensor) =
    Tensor.item (Tensor.amax (Tensor.abs x))

let single = stats (Tensor.ofFloats [ 1 ] [| 7.0 |])
let four = Tensor.ofFloats [ 4 ] [| 1.0; 2.0; 3.0; 4.0 |]

let outputChecks = [
    Check.stats
        "E2a-05, row 4"
        "weights of the default"
        "-0.0043, 0.1156"
        (Near(0.0, 0.02))
        (Between(0.107, 0.124))
        weight
    Check.numbers "E2a-05, row 4" "their largest size; the biases' (1/√25)" "" [
        "", AtMost 0.2, absMax weight
        "", AtMost 0.2, absMax bias
    ]
    Check.stats
        "E2a-06, row 4"
        "biases of the default"
        "0.0212, 0.1176"
        (Near(0.0, 0.1))
        (Between(0.075, 0.155))
        bias
    Check.stats
        "E2a-07, row 5"
        "x behind the convolution"
        "0.0107, 0.5978"
        (Near(0.0, 0.12))
        (Between(0.50, 0.78))
        (through l1)
    |> ofMnist
    Check.stats
        "E2a-08, row 6"
        "with kaiming_normal, a = 1"
        "0.0267, 1.1067"
        (Near(0.0, 0.15))
        (Between(0.85, 1.40))
        forLinear
    |> ofMnist
    Check.stats
        "E2a-09, row 6"
        "with kaiming_normal, a = 0, and ReLU"
        "0.5547, 1.0199"
        (Between(0.35, 0.70))
        (Between(0.65, 1.35))
        forRelu
    |> ofMnist
    Check.stats
        "E2a-10, row 5"
        "fresh default and ReLU"
        "0.2219, 0.3653"
        (Between(0.15, 0.30))
        (Between(0.27, 0.53))
        byDefault
    |> ofMnist
    Check.holds
        "row 3"
        "deviation of a single number"
        ""
        "NaN"
        $"{snd single}"
        (System.Double.IsNaN(snd single))
    Check.stats "row 3" "stats of 1, 2, 3, 4" "" (Near(2.5, 0.0)) (Near(1.290994, 1e-6)) four
]

// ---- 3. Fans, gain, bound ----------------------------------------

/// What the shape of a weight says: how many inputs an output sums over.
let field =
    Tensor.sum (Tensor.onesLike (weight |> Tensor.narrow 0 0 1 |> Tensor.narrow 1 0 1))
    |> Tensor.item
    |> int

let outs, ins = weight.Shape[0], weight.Shape[1]
let fanIn, fanOut = ins * field, outs * field
let struct (libraryIn, libraryOut) = Init.fans weight.Shape
let struct (linearIn, linearOut) = Init.fans (Shape.ofList [ 50; 784 ])

/// How much a leaky ReLU of slope a takes away has to be given back.
let gain a = sqrt (2.0 / (1.0 + a * a))

let slopes = [ 1.0; 0.0; 0.01; 0.1; sqrt 5.0 ]

let printedGains = [ 1.0; 1.4142135623730951; 1.4141428569978354; 1.4071950894605838; 0.5773502691896257 ]

let uniform = Key.uniformIn DType.Float32 -1.0 1.0 [ 10000 ] (key "uniform")

/// The initialisation in four lines: uniform numbers of the deviation `gain / √fan`.
let kaiming2 (a: float) useFanOut (shape: Shape) key =
    let struct (fanIn, fanOut) = Init.fans shape
    let std = gain a / sqrt (float (if useFanOut then fanOut else fanIn))
    let bound = sqrt 3.0 * std
    Key.uniformIn DType.Float32 -bound bound (List.ofSeq (shape.ToArray())) key

let ours0 = kaiming2 0.0 false weight.Shape (key "kaiming2, 0")
let ours5 = kaiming2 (sqrt 5.0) false weight.Shape (key "kaiming2, √5")

let fans =
    section "Fans, gain and bound" [
        text
            """
            An output sums over all inputs in its field: 5 × 5 pixels of one channel, 25 in all (fan in). An input goes
            into 32 × 25 outputs (fan out). The deviation that keeps the scale is gain/√fan, and the gain says what the activation
            takes away: √2 for a ReLU, which loses half; 1 where nothing is lost; for a leaky ReLU of slope a it lies between.

            Uniform numbers in ±1 have the deviation 1/√3, so a uniform initialisation needs the bound √3 · gain/√fan.

            Now put in a = √5. The gain is √(2/6) = 1/√3, the √3 of the bound cancels it, and what remains is 1/√25 = 0.2: uniform
            numbers in ±1/√fan, a rule from long before ReLU. So √5 is no slope of anything; it is the number that makes a
            function for ReLU give what an older layer had always done.
            """
        formula
            """
            gain(a) = √(2 / (1 + a²))        bound = √3 · gain(a) / √fan
            a = √5:   gain = 1/√3   =>   bound = 1/√fan
            """
        figures [
            let xs = [ 0.0..0.05..5.0 ]

            Figure.create "Gain by the slope a" (Axis.named "a") (Axis.fromZero "gain") [
                Trace.line "gain" xs (List.map gain xs)
                Trace.points "the lesson's" slopes (List.map gain slopes)
            ]
            |> Figure.annotate (sqrt 5.0) (gain (sqrt 5.0)) "a = √5: 1/√3"
            |> Figure.annotate 0.0 (gain 0.0) "ReLU: √2"

            Figure.create "800 weights" (Axis.named "weight") (Axis.named "how many") [
                let bins = { Start = -0.5; End = 0.5; Size = 0.05 }
                Trace.histogramIn bins "default" (Tensor.toFloats weight)
                Trace.histogramIn bins "kaiming2, a = 0" (Tensor.toFloats ours0)
            ]
        ]
    ]

let fanChecks = [
    Check.text "E2a-11, row 7" "pixels in the field" "25" "25" $"{field}"
    Check.text "E2a-12" "outputs, inputs" "32, 1" "32, 1" $"{outs}, {ins}"
    Check.text
        "E2a-13, row 7"
        "fan in, fan out; the library's"
        "25, 800"
        "25, 800; 25, 800"
        $"{fanIn}, {fanOut}; {libraryIn}, {libraryOut}"
    Check.text "row 7" "of a linear layer 784 → 50" "" "784, 50" $"{linearIn}, {linearOut}"
    Check.numbers
        "E2a-14, row 8"
        "gain for a = 1, 0, 0.01, 0.1, √5"
        "1.0, 1.41421…, 1.41414…, 1.40719…, 0.57735…"
        [ for a, printed in List.zip slopes printedGains -> ("", Near(printed, 1e-12), Init.gain a) ]
    Check.number
        "E2a-15, row 8"
        "deviation of 10,000 uniform numbers in ±1"
        "0.5788"
        (Between(0.565, 0.590))
        (snd (stats uniform))
    Check.number "E2a-16" "1/√3" "0.5773502691896258" (Near(0.5773502691896258, 1e-15)) (1.0 / sqrt 3.0)
    Check.stats
        "E2a-17, row 9"
        "kaiming2, a = 0, and ReLU"
        "0.5603, 1.0921"
        (Between(0.35, 0.70))
        (Between(0.65, 1.35))
        (relu (through (withWeight ours0)))
    |> ofMnist
    Check.number
        "E2a-17, row 9"
        "its largest weight (bound √(6/25) = 0.489898)"
        ""
        (Between(0.47, 0.489898))
        (absMax ours0)
    Check.stats
        "E2a-18, row 9"
        "kaiming2, a = √5, and ReLU"
        "0.2186, 0.3437"
        (Between(0.15, 0.30))
        (Between(0.27, 0.53))
        (relu (through (withWeight ours5)))
    |> ofMnist
    Check.number
        "E2a-18, row 9"
        "its largest weight (bound 1/√25 = 0.2)"
        ""
        (Between(0.19, 0.2))
        (absMax ours5)
]

// ---- 4. Four convolutions ----------------------------------------

/// A layer of one's own: all axes as one.
let flatten = Layer.lambda "flatten" (Tensor.reshape [ -1 ])

let network =
    Layer.sequential [
        Layer.conv2d 1 8 5 2 2
        ReLU
        Layer.conv2d 8 16 3 2 1
        ReLU
        Layer.conv2d 16 32 3 2 1
        ReLU
        Layer.conv2d 32 1 3 2 1
        Pool(PoolSpec.AdaptiveAverage [ 1; 1 ])
        flatten
    ]

let y = digits.ValidY |> Tensor.narrow 0 0 100 |> Tensor.cast DType.Float32
let asIs = Layer.init (key "network") [ x.Shape ] network

/// The course goes through the layers, and initialises each that is a convolution. Layers are data here: a match
/// finds them, and what is changed is a new value.
let reinitialised =
    asIs
    |> Layer.mapVariables
        (fun path layer variables ->
            match layer with
            | Conv _ ->
                let w, b =
                    Tree.find "weight" variables.Parameters, Tree.find "bias" variables.Parameters

                {
                    variables with
                        Parameters =
                            Branch [
                                "weight", Leaf(kaiming2 0.0 false w.Shape (key $"again {path}"))
                                "bias", Leaf(Tensor.zerosLike b)
                            ]
                }
            | _ -> variables)
        network

let run variables =
    let loss parameters =
        Layer.predict
            network
            {
                variables with
                    Parameters = parameters
            }
            x
        |> Loss.mse y

    Layer.predict network variables x, grad loss variables.Parameters

let defaultOut, defaultGrads = run asIs
let kaimingOut, kaimingGrads = run reinitialised
let firstGrad grads = Tree.find "0.weight" grads

let traced variables =
    Layer.trace
        network
        {
            Mode = Mode.Evaluation
            Variables = variables
            Key = key "unused"
        }
        [ x ]

let convolutions variables =
    traced variables
    |> List.choose (fun t ->
        match t.Layer with
        | Conv _ -> Some t.Outputs.Head
        | _ -> None)

let byLayer title axis value =
    Figure.create title (Axis.whole "convolution") axis [
        Trace.lineWithMarks "default" [ 1.0 .. 4.0 ] (value asIs defaultGrads)
        Trace.lineWithMarks "Kaiming uniform" [ 1.0 .. 4.0 ] (value reinitialised kaimingGrads)
    ]

let weightGrads grads = [ for i in [ 0; 2; 4; 6 ] -> snd (stats (Tree.find $"{i}.weight" grads)) ]

/// Twice the gradient is the gradient of twice the loss: what "accumulating" means for values.
let accumulated =
    let loss parameters =
        Layer.predict network { asIs with Parameters = parameters } x |> Loss.mse y

    let once = grad loss asIs.Parameters

    let twice =
        grad (fun parameters -> loss parameters + loss parameters) asIs.Parameters

    Tree.find "0.weight" (Tree.map2 (+) once once), Tree.find "0.weight" twice

let four' =
    section "Four convolutions" [
        text
            """
            One layer that shrinks by 0.4 is no harm. Four of them in a row leave hardly anything: the outputs for a hundred
            different pictures differ by less than a hundredth, and the gradient that arrives at the first
            layer is a tenth of what it is with He's weights. With ten layers nothing would be learned at all, which is
            how deep networks failed for years.

            Look at the deviations by layer: with the default they fall by a factor at each convolution, with
            Kaiming's they stay.
            """
        formula
            """
            conv 1→8, 5×5, stride 2   relu   28 → 14
            conv 8→16, 3×3, stride 2  relu   14 → 7
            conv 16→32, 3×3, stride 2 relu    7 → 4
            conv 32→1, 3×3, stride 2          4 → 2      mean over what is left
            """
        figures [
            byLayer "Deviation behind each convolution" (Axis.log "deviation") (fun variables _ ->
                convolutions variables |> List.map (stats >> snd))
            byLayer "Deviation of the weights' gradients" (Axis.log "deviation") (fun _ grads ->
                weightGrads grads)
            histogram "The hundred outputs" [
                "default", Tensor.reshape [ 100; 1 ] defaultOut
                "Kaiming uniform", Tensor.reshape [ 100; 1 ] kaimingOut
            ]
        ]
        text
            """
            PyTorch adds each gradient to the one before it until somebody sets it to zero, and the
            notebook forgets to between the two runs. Gradients that are values cannot be forgotten: two of
            them are added where one wants their sum.
            """
    ]

let deviation x = snd (stats x)

let networkChecks = [
    Check.text
        "row 12"
        "rows of pixels behind each convolution; shape of the output"
        "14, 7, 4, 2"
        "14, 7, 4, 2; (100)"
        (let rows =
            convolutions asIs |> List.map (fun x -> string x.Shape[2]) |> String.concat ", "

         $"{rows}; {sizes defaultOut}")
    Check.stats
        "E2a-19, row 13"
        "outputs, default weights"
        "0.0875, 0.0065"
        (Near(0.0, 0.2))
        (AtMost 0.03)
        defaultOut
    |> ofMnist
    Check.numbers "E2a-20" "gradient of the first weight: mean, std" "0.0054, 0.0333" [
        "mean", Near(0.0, 0.1), fst (stats (firstGrad defaultGrads))
        "std", Between(0.008, 0.12), deviation (firstGrad defaultGrads)
    ]
    |> ofMnist
    Check.number
        "E2a-21, row 15"
        "deviation of the outputs, each convolution initialised anew"
        "0.4043"
        (Between(0.10, 1.0))
        (deviation kaimingOut)
    |> ofMnist
    Check.number
        "E2a-22"
        "deviation of the first weight's gradient"
        "0.4231"
        (Between(0.15, 2.0))
        (deviation (firstGrad kaimingGrads))
    |> ofMnist
    Check.number
        "E2a-23, row 13"
        "outputs' deviation, Kaiming by default"
        "62"
        (AtLeast 5.0)
        (deviation kaimingOut / deviation defaultOut)
    |> ofMnist
    Check.number
        "E2a-24, row 13"
        "gradients' deviation, Kaiming by default"
        "12.7"
        (AtLeast 2.0)
        (deviation (firstGrad kaimingGrads) / deviation (firstGrad defaultGrads))
    |> ofMnist
    Check.near "row 16" "a gradient added to itself against that of twice the loss" "" [ accumulated ]
]

// ---- 5. Leaky ReLU, and golden numbers ----------------------------------------

let leakyValues = Tensor.ofFloats [ 4 ] [| -2.0; -0.5; 0.0; 3.0 |]

let leakyGrad =
    grad (fun x -> Tensor.sum (Activation.leakyRelu 0.1 x)) leakyValues
    |> Tensor.toFloats

/// The four convolutions with weights of a closed form, no biases: numbers that any library must reproduce.
let golden (c: float) =
    let sizes = [ 1, 8, 5; 8, 16, 3; 16, 32, 3; 32, 1, 3 ]

    let convolution (ins, outs, kernel) =
        Conv {
            Layer.conv ins outs [ kernel; kernel ] with
                Bias = false
                Options = {
                    Convolution.defaults with
                        Stride = [ 2 ]
                        Padding = [ kernel / 2, kernel / 2 ]
                }
        }

    let model =
        sizes
        |> List.collect (fun size -> [ convolution size; ReLU ])
        |> List.take 7
        |> Layer.sequential

    let parameters =
        sizes
        |> List.mapi (fun i (ins, outs, kernel) ->
            let scale = c / sqrt (float (ins * kernel * kernel))

            let weight = sines DType.Float32 [ outs; ins; kernel; kernel ] scale (0.3 * float i)
            string (2 * i), Branch [ ("weight", Leaf weight) ])
        |> Branch

    let outputs parameters =
        Layer.predict
            model
            {
                Parameters = parameters
                State = Tree.empty
            }
            x
        |> Tensor.meanAxes [ 1; 2; 3 ]

    let loss, grads =
        valueAndGrad (fun parameters -> Loss.mse y (outputs parameters)) parameters

    let mean, std = stats (outputs parameters)
    let gradMean, gradStd = stats (Tree.find "0.weight" grads)
    [ mean; std; Tensor.item loss; gradMean; gradStd ]

let goldenCheck name c expected =
    Check.numbers "G-2, row 14" $"golden weights, c = {name}: mean, std, loss, gradient's mean, std" "" [
        for value, printed in List.zip (golden c) expected -> ("", Near(printed, 1e-4 * abs printed), value)
    ]
    |> ofMnist

let lastChecks = [
    Check.near "row 11" "leaky ReLU of slope 0 against ReLU" "" [
        (Activation.leakyRelu 0.0 leakyValues, Tensor.relu leakyValues)
    ]
    Check.numbers "row 11" "slopes of a leaky ReLU, a = 0.1, at −2, −½, 0, 3" "" [
        for expected, value in Seq.zip [ 0.1; 0.1; 0.1; 1.0 ] leakyGrad -> ("", Near(expected, 1e-12), value)
    ]
    Check.text "row 11" "shape of the output behind a flatten of one's own" "" "(100)" (sizes defaultOut)
    goldenCheck "1" 1.0 [ -0.102303; 0.0874513; 31.722166; 0.1338728; 0.1638209 ]
    goldenCheck "√6" (sqrt 6.0) [ -3.682899; 3.148246; 89.874743; 4.182997; 4.716055 ]
]

Lesson.finish
    options
    "Lesson 9, part 02a: why √5?"
    [ pictures; outputs; fans; four' ]
    (pictureChecks @ outputChecks @ fanChecks @ networkChecks @ lastChecks)
