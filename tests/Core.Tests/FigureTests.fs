/// Figures: where the SVG puts ticks and values, what goes to plotly.js, and what pages hold. Expectations come from the
/// rule of ticks (1, 2 or 5 times a power of ten), from the places that the tick labels name, and from Plotly's schema.
module FunctionalDL.Tests.FigureTests

open System
open System.Globalization
open System.IO
open System.IO.Compression
open System.Text
open System.Text.Json
open System.Xml.Linq
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Data
open FunctionalDL.Tests.Support

// ---- reading SVG -------------------------------------------------------------------------------------------------

let private svgOf (figure: Figure) =
    XDocument.Parse(Svg.document figure).Root

let private named name (root: XElement) =
    root.Descendants()
    |> Seq.filter (fun e -> e.Name.LocalName = name)
    |> List.ofSeq

let private attribute (name: string) (e: XElement) =
    let found = e.Attribute(XName.Get name)
    if isNull found then "" else found.Value

let private parse (text: string) =
    Double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)

let private number name e = parse (attribute name e)

let private asNumber (text: string) =
    match Double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture) with
    | true, value -> Some value
    | _ -> None

/// The numbers beside the y axis (they end at it) or below the x axis (they are centred at their ticks), with their
/// places.
let private ticks (anchor: string) (root: XElement) =
    named "text" root
    |> List.filter (fun e -> attribute "text-anchor" e = anchor)
    |> List.choose (fun e ->
        asNumber e.Value
        |> Option.map (fun value -> value, (if anchor = "end" then number "y" e - 4.5 else number "x" e)))

let private xTicks root = ticks "middle" root
let private yTicks root = ticks "end" root

/// The place of a value between the outermost ticks, by the straight line through them.
let private placeBy (ticks: (float * float) list) (value: float) =
    let (a, pa), (b, pb) = List.minBy fst ticks, List.maxBy fst ticks
    pa + (value - a) / (b - a) * (pb - pa)

let private pointsOf (polyline: XElement) =
    (attribute "points" polyline).Split ' '
    |> Array.map (fun pair -> let parts = pair.Split ',' in parse parts[0], parse parts[1])
    |> List.ofArray

/// Two decimals are written.
let private shouldBeAt what (expected: float) (actual: float) =
    ensure $"{what} is at {actual}, expected {expected}" (abs (expected - actual) <= 0.02)

let private plain = Figure.create "title" (Axis.named "x") (Axis.named "y")

// ---- axes --------------------------------------------------------------------------------------------------------

[<TestCase(0.0, 97.0, "0 20 40 60 80 100")>]
[<TestCase(0.0, 1.0, "0.0 0.2 0.4 0.6 0.8 1.0")>]
[<TestCase(-0.03, 0.04, "-0.04 -0.02 0.00 0.02 0.04")>]
[<TestCase(2.1, 2.4, "2.1 2.2 2.3 2.4")>]
[<TestCase(0.0, 2e9, "0 5e8 1e9 1.5e9 2e9")>]
let ``y ticks are the fewest multiples of 1, 2 or 5 times a power of ten around the values``
    low
    high
    (labels: string)
    =
    let root = svgOf (plain [ Trace.line "" [ 0.0; 1.0 ] [ low; high ] ])

    let found =
        named "text" root
        |> List.filter (fun e -> attribute "text-anchor" e = "end")
        |> List.map _.Value

    shouldEqual (List.ofArray (labels.Split ' ')) found

[<Test>]
let ``ticks of random ranges are even, nice and around all values`` () =
    let rng = Random 7

    for _ in 1..300 do
        let low = (rng.NextDouble() - 0.5) * 10.0 ** rng.Next(-4, 5)
        let high = low + rng.NextDouble() * 10.0 ** rng.Next(-4, 5)
        let root = svgOf (plain [ Trace.line "" [ 0.0; 1.0 ] [ low; high ] ])
        let values = yTicks root |> List.map fst

        // Other ranges are as good as a single value.
        if high - low > 1e-6 * abs high then
            let steps = values |> List.pairwise |> List.map (fun (a, b) -> b - a)
            let step = steps.Head
            let mantissa = step / 10.0 ** floor (log10 step + 1e-9)
            ensure $"{low} to {high}: {values}" (values.Length >= 2 && values.Length <= 7)
            ensure $"even: {values}" (List.forall (fun s -> abs (s - step) < 1e-6 * step) steps)

            ensure
                $"nice: {step}"
                (List.exists (fun nice -> abs (mantissa - nice) < 1e-6) [ 1.0; 2.0; 5.0; 10.0 ])

            let slack = 1e-5 * step

            ensure
                $"around {low}, {high}: {values}"
                (values.Head <= low + slack && List.last values >= high - slack)

[<Test>]
let ``points of a line are where the ticks say`` () =
    let xs, ys = [ -3.0; -1.5; 0.2; 4.0; 9.9 ], [ 12.0; -7.5; 0.0; 3.25; 20.0 ]
    let root = svgOf (plain [ Trace.line "" xs ys ])
    let xTicks, yTicks = xTicks root, yTicks root
    let points = named "polyline" root |> List.exactlyOne |> pointsOf
    shouldEqual xs.Length points.Length

    for (x, y), (px, py) in List.zip (List.zip xs ys) points do
        shouldBeAt $"x = {x}" (placeBy xTicks x) px
        shouldBeAt $"y = {y}" (placeBy yTicks y) py

    // Upwards on paper is downwards in SVG.
    ensure "larger y are higher" (placeBy yTicks 20.0 < placeBy yTicks 0.0)

[<Test>]
let ``on a logarithmic axis equal factors are equal lengths, and what is not above 0 leaves a gap`` () =
    let xs, ys = [ 0.01; 0.1; 1.0; 10.0; 100.0 ], [ 1.0; 2.0; -1.0; 2.0; 4.0 ]

    let root =
        [ Trace.line "" xs ys ]
        |> Figure.create "title" (Axis.log "x") (Axis.log "y")
        |> svgOf

    let runs = named "polyline" root |> List.map pointsOf
    shouldEqual [ 2; 2 ] (List.map List.length runs)
    let x = runs |> List.concat |> List.map fst
    shouldBeAt "0.1" (0.75 * x[0] + 0.25 * x[3]) x[1]
    shouldBeAt "10" (0.25 * x[0] + 0.75 * x[3]) x[2]
    // 1 to 2 is as high as 2 to 4.
    let y = runs |> List.concat |> List.map snd
    shouldBeAt "2" ((y[0] + y[3]) / 2.0) y[1]
    let ticks = xTicks root |> List.map (fun (value, place) -> log10 value, place)
    shouldEqual [ -2.0; -1.0; 0.0; 1.0; 2.0 ] (List.map fst ticks)
    shouldBeAt "the tick at 10" x[2] (List.item 3 ticks |> snd)

[<Test>]
let ``a logarithmic axis over many powers of ten has every second, fifth or tenth, and ends close to its values``
    ()
    =
    let root =
        [ Trace.line "" [ 0.0; 1.0 ] [ 3e-41; 2e37 ] ]
        |> Figure.create "title" (Axis.named "x") (Axis.log "y")
        |> svgOf

    let labels =
        named "text" root
        |> List.filter (fun e -> attribute "text-anchor" e = "end")
        |> List.map _.Value

    shouldEqual [ "10⁻⁴⁰"; "10⁻²⁰"; "1"; "10²⁰" ] labels
    // From 10⁻⁴¹ to 10³⁸, so that 3e-41 is above the lower end by log10 3 of 79 powers.
    let points = named "polyline" root |> List.exactlyOne |> pointsOf

    let places =
        named "text" root
        |> List.filter (fun e -> attribute "text-anchor" e = "end")
        |> List.map (number "y")

    let decade = (List.item 1 places - List.head places) / 20.0
    shouldBeAt "3e-41" (List.head places - 4.5 + decade * (log10 3.0 - 1.0)) (snd points[0])

[<Test>]
let ``an axis with fixed ends keeps them and cuts off the rest`` () =
    let root =
        [ Trace.line "" [ 0.0; 1.0; 2.0 ] [ 0.0; 50.0; 1.0 ] ]
        |> Figure.create "title" (Axis.named "x") (Axis.between 0.0 2.0 "y")
        |> svgOf

    let labels = yTicks root |> List.map fst
    shouldEqual 2.0 (List.max labels)

    let frame =
        root.Elements()
        |> Seq.filter (fun e -> e.Name.LocalName = "svg")
        |> Seq.exactlyOne

    shouldBeAt "the frame's top" (placeBy (yTicks root) 2.0) (number "y" frame)
    shouldBeAt "the frame's bottom" (placeBy (yTicks root) 0.0) (number "y" frame + number "height" frame)
    shouldEqual 1 (named "polyline" frame).Length

[<Test>]
let ``values that are not finite leave gaps`` () =
    let ys = [ 1.0; 2.0; nan; 3.0; infinity; 4.0; 5.0; 6.0 ]
    let root = svgOf (plain [ Trace.line "" [ 1.0 .. 8.0 ] ys ])
    shouldEqual [ 2; 1; 3 ] (named "polyline" root |> List.map (pointsOf >> List.length))

// ---- bars, histograms, heat maps ---------------------------------------------------------------------------------

[<Test>]
let ``bars stand on 0, as high as their values, side by side`` () =
    let a, b = [ 3.0; -1.0 ], [ 1.0; 2.0 ]

    let root =
        svgOf (plain [ Trace.bar "a" [ "u"; "v" ] a; Trace.bar "b" [ "u"; "v" ] b ])

    let yTicks = yTicks root
    // The first one is the ground.
    let bars = (named "rect" root).Tail

    for value, bar in List.zip (a @ b) bars do
        let top, bottom = number "y" bar, number "y" bar + number "height" bar
        shouldBeAt $"the top of {value}" (placeBy yTicks (max value 0.0)) top
        shouldBeAt $"the bottom of {value}" (placeBy yTicks (min value 0.0)) bottom

    let sides =
        bars
        |> List.map (fun bar -> number "x" bar, number "x" bar + number "width" bar)
        |> List.sort

    for (_, right), (left, _) in List.pairwise sides do
        ensure "bars do not cover each other" (right <= left + 0.02)

[<Test>]
let ``bins have their lower bounds and count every value inside once`` () =
    let bins = { Start = 0.0; End = 3.0; Size = 1.0 }
    shouldEqual [| 2; 1; 3 |] (Bins.fill bins [ -0.1; 0.0; 0.99; 1.0; 2.0; 2.5; 2.9; 3.0; nan; infinity ])
    let rng = Random 3

    for count in [ 1; 7; 40 ] do
        let values = List.init 500 (fun _ -> rng.NextDouble() * 12.0 - 5.0)
        let bins = Bins.around count values
        shouldEqual 500 (Bins.fill bins values |> Array.sum)
        ensure $"about {count} bins" (Bins.count bins <= count + 2 && 3 * Bins.count bins >= count)

[<Test>]
let ``a histogram's bars are as high as its counts and as wide as its bins`` () =
    let bins = { Start = 0.0; End = 3.0; Size = 1.0 }
    let values = [ 0.5; 0.6; 0.7; 1.5; 2.5; 2.6 ]
    let root = svgOf (plain [ Trace.histogramIn bins "h" values ])

    for bar, (low, count) in List.zip (named "rect" root).Tail [ 0.0, 3.0; 1.0, 1.0; 2.0, 2.0 ] do
        shouldBeAt $"the top of {low}" (placeBy (yTicks root) count) (number "y" bar)
        shouldBeAt $"the left of {low}" (placeBy (xTicks root) low) (number "x" bar)

        shouldBeAt
            $"the right of {low}"
            (placeBy (xTicks root) (low + 1.0))
            (number "x" bar + number "width" bar)

/// The red, green and blue of each pixel of a PNG whose rows have no filter.
let private pixelsOf (address: string) =
    let png = Convert.FromBase64String(address.Substring(address.IndexOf ',' + 1))
    // Signature 8, header chunk 25, and the length and name of the data chunk.
    let width, height = int png[19], int png[23]
    use zlib = new ZLibStream(new MemoryStream(png[41..]), CompressionMode.Decompress)
    let rows = Array.zeroCreate<byte>(height * (1 + 3 * width))
    zlib.ReadExactly(rows.AsSpan())

    [
        for row in 0 .. height - 1 ->
            [
                for column in 0 .. width - 1 ->
                    let at = row * (1 + 3 * width) + 1 + 3 * column
                    $"#{Convert.ToHexString(rows, at, 3).ToLowerInvariant()}"
            ]
    ]

[<Test>]
let ``a heat map has the ends of its scale at the ends of its values, the first row below`` () =
    let root =
        svgOf (
            plain [
                Trace.heatmap "z" [ 0.0; 1.0; 2.0 ] [ 0.0; 1.0 ] [ [ 0.0; 1.0; nan ]; [ 0.5; 0.25; 9.0 ] ]
            ]
        )

    let image = (named "image" root).Head
    let pixels = pixelsOf (attribute "href" image)
    // Viridis begins at #440154 and ends at #fde725.
    shouldEqual "#440154" (pixels[1][0])
    shouldEqual "#fde725" (pixels[0][2])
    ensure "a value without a number is grey" (pixels[1][2] = "#e2e4e8")
    // Half a cell around the outer centres.
    shouldBeAt "the left edge" (placeBy (xTicks root) -0.5) (number "x" image)
    shouldBeAt "the right edge" (placeBy (xTicks root) 2.5) (number "x" image + number "width" image)

[<Test>]
let ``a signed heat map is as blue below 0 as it is red above`` () =
    let root =
        svgOf (plain [ Trace.signedHeatmap "z" [ 0.0; 1.0; 2.0 ] [ 0.0 ] [ [ -4.0; 0.0; 4.0 ] ] ])

    shouldEqual
        [ [ "#2166ac"; "#f7f7f7"; "#b2182b" ] ]
        (pixelsOf (attribute "href" (named "image" root).Head))

// ---- words -------------------------------------------------------------------------------------------------------

[<Test>]
let ``text is escaped, and long titles are broken into lines within the picture`` () =
    let words =
        "a < b & \"c\" > d, which is a long title that cannot stand in a single line of a plot"

    let root =
        Figure.create words (Axis.named words) (Axis.named "y") [ Trace.line "n<1" [ 0.0 ] [ 1.0 ] ]
        |> svgOf

    let lines =
        named "text" root
        |> List.filter (fun e -> attribute "font-weight" e = "600")
        |> List.map _.Value

    ensure "more than one line" (lines.Length > 1)
    shouldEqual words (String.Join(" ", lines))
    ensure "the legend has the name" (named "text" root |> List.exists (fun e -> e.Value = "n<1"))

[<Test>]
let ``words at one point do not cover each other`` () =
    let root =
        plain [ Trace.line "" [ 0.0; 1.0 ] [ 0.0; 1.0 ] ]
        |> Figure.annotate 0.2 0.5 "first"
        |> Figure.annotate 0.2 0.5 "second"
        |> svgOf

    let baseline word =
        named "text" root |> List.find (fun e -> e.Value = word) |> number "y"

    ensure "a line apart" (abs (baseline "first" - baseline "second") >= 16.0)

[<Test>]
let ``a trace has one colour in all subplots, and its name is once in the legend`` () =
    let subplot names =
        plain [ for name in names -> Trace.line name [ 0.0; 1.0 ] [ 0.0; 1.0 ] ]

    let root =
        Figure.grid "grid" 2 [ subplot [ "a"; "b" ]; subplot [ "b"; "c" ] ] |> svgOf

    let colours = named "polyline" root |> List.map (attribute "stroke")
    shouldEqual colours[1] colours[2]
    shouldEqual 3 (colours |> List.distinct |> List.length)

    for name in [ "a"; "b"; "c" ] do
        shouldEqual 1 (named "text" root |> List.filter (fun e -> e.Value = name) |> List.length)

// ---- plotly.js ---------------------------------------------------------------------------------------------------

let private json figure =
    JsonDocument.Parse(Plotly.json figure).RootElement

let private at (path: string) (element: JsonElement) =
    path.Split '/'
    |> Array.fold
        (fun (e: JsonElement) step ->
            match Int32.TryParse step with
            | true, i -> e[i]
            | _ -> e.GetProperty step)
        element

let private textAt path element = (at path element).GetString()

let private floatsAt path element =
    (at path element).EnumerateArray()
    |> Seq.map (fun e ->
        if e.ValueKind = JsonValueKind.Null then
            nan
        else
            e.GetDouble())
    |> List.ofSeq

[<Test>]
let ``plotly.js gets the values of every kind of trace by the names of its schema`` () =
    let traces = [
        Trace.points "p" [ 1.0; 2.0 ] [ 3.0; 4.5 ]
        Trace.line "l" [ 1.0; 2.0 ] [ 0.5; nan ]
        Trace.histogramIn { Start = 0.0; End = 4.0; Size = 2.0 } "h" [ 1.0; 2.0; 3.0 ]
        Trace.heatmap "m" [ 0.0; 1.0 ] [ 0.0 ] [ [ 5.0; 7.0 ] ]
    ]

    let root = json (plain traces)
    shouldEqual "scatter" (textAt "data/0/type" root)
    shouldEqual "markers" (textAt "data/0/mode" root)
    shouldEqual [ 3.0; 4.5 ] (floatsAt "data/0/y" root)
    shouldEqual "lines" (textAt "data/1/mode" root)
    shouldEqual JsonValueKind.Null (at "data/1/y/1" root).ValueKind
    shouldEqual "histogram" (textAt "data/2/type" root)
    shouldEqual 2.0 ((at "data/2/xbins/size" root).GetDouble())
    shouldEqual "heatmap" (textAt "data/3/type" root)
    shouldEqual [ 5.0; 7.0 ] (floatsAt "data/3/z/0" root)
    shouldEqual 7.0 ((at "data/3/zmax" root).GetDouble())

    let bars = json (plain [ Trace.bar "b" [ "u"; "v" ] [ 1.0; 2.0 ] ])
    shouldEqual "bar" (textAt "data/0/type" bars)
    shouldEqual "v" (textAt "data/0/x/1" bars)
    shouldEqual "category" (textAt "layout/xaxis/type" bars)

    let image = json (Figure.picture "i" [ Trace.greyImage 1 1 [| 7uy |] ])
    shouldEqual "image" (textAt "data/0/type" image)
    ensure "a picture in the address" ((textAt "data/0/source" image).StartsWith "data:image/png;base64,")

[<Test>]
let ``plotly.js gets the layout: log axes in exponents, words at points, subplots with axes of their own``
    ()
    =
    let first =
        [ Trace.line "a" [ 1.0; 100.0 ] [ 1.0; 2.0 ] ]
        |> Figure.create
            "first"
            {
                Axis.between 1.0 1000.0 "x" with
                    IsLog = true
            }
            (Axis.fromZero "y")
        |> Figure.annotate 100.0 2.0 "here"

    let root =
        json (Figure.grid "both" 2 [ first; plain [ Trace.line "a" [ 0.0 ] [ 0.0 ] ] ])

    shouldEqual "log" (textAt "layout/xaxis/type" root)
    shouldEqual [ 0.0; 3.0 ] (floatsAt "layout/xaxis/range" root)
    shouldEqual "tozero" (textAt "layout/yaxis/rangemode" root)
    shouldEqual "here" (textAt "layout/annotations/0/text" root)
    shouldEqual 2.0 ((at "layout/annotations/0/x" root).GetDouble())
    shouldEqual "x2" (textAt "data/1/xaxis" root)
    shouldEqual "y2" (textAt "layout/xaxis2/anchor" root)
    shouldEqual 2 ((at "layout/grid/columns" root).GetInt32())
    ensure "the first shows the name" ((at "data/0/showlegend" root).GetBoolean())
    ensure "the second does not" (not ((at "data/1/showlegend" root).GetBoolean()))
    shouldEqual (textAt "data/0/line/color" root) (textAt "data/1/line/color" root)

// ---- pages -------------------------------------------------------------------------------------------------------

let private sections figure = [
    {
        Title = "S <1>"
        Blocks = [ Block.Paragraph "a < b"; Block.Code "x\n  <y>"; Block.Figures [ figure ] ]
    }
]

[<Test>]
let ``a page is whole in one file: no script and no address but data`` () =
    let figure =
        Figure.grid "g" 2 [ for _ in 1..2 -> Figure.picture "</script>" [ Trace.greyImage 1 1 [| 0uy |] ] ]

    let page = Page.html "a & b" (sections figure)
    ensure "no script" (not (page.Contains "<script"))
    let addresses = RegularExpressions.Regex.Matches(page, "(?:src|href)=\"([^\"]*)\"")
    shouldEqual 2 addresses.Count
    ensure "data only" (addresses |> Seq.forall (fun m -> m.Groups[1].Value.StartsWith "data:"))
    shouldContain [ "<h1>a &amp; b</h1>"; "<h2>S &lt;1&gt;</h2>"; "<pre>x\n  &lt;y&gt;</pre>" ] page

[<Test>]
let ``an interactive page has the SVG and the JSON of each plot, and the script inside or beside it`` () =
    let title = "</script><b>"

    let figure =
        Figure.create title (Axis.named "x") (Axis.named "y") [ Trace.line "a" [ 0.0; 1.0 ] [ 2.0; 3.0 ] ]

    let inside =
        Page.interactive (PlotlyScript.Inline "const a = '</script>';") "page" (sections figure)

    let beside =
        Page.interactive (PlotlyScript.At "plotly.min.js") "page" (sections figure)

    shouldContain [ "<svg "; "<script>const a = '<\\/script>';</script>" ] inside
    shouldContain [ "<script src=\"plotly.min.js\"></script>" ] beside

    let found =
        RegularExpressions.Regex.Match(beside, "<script type=\"application/json\">(.*?)</script>")

    let root = JsonDocument.Parse(found.Groups[1].Value).RootElement
    shouldEqual [ 2.0; 3.0 ] (floatsAt "data/0/y" root)
    // plotly.js reads tags in its titles.
    shouldEqual "&lt;/script&gt;&lt;b&gt;" (textAt "layout/title/text" root)

// ---- errors ------------------------------------------------------------------------------------------------------

[<Test>]
let ``figures that cannot be drawn are refused in words`` () =
    let refused parts run =
        messageOf<ArgumentException> run |> shouldContain parts

    refused [ "loss"; "2 values of x and 1 of y" ] (fun () ->
        Trace.line "loss" [ 1.0; 2.0 ] [ 1.0 ] |> ignore)

    refused [ "a category is there twice" ] (fun () -> Trace.bar "b" [ "u"; "u" ] [ 1.0; 2.0 ] |> ignore)

    refused [ "equal steps" ] (fun () ->
        Trace.heatmap "m" [ 0.0; 1.0; 3.0 ] [ 0.0 ] [ [ 1.0; 2.0; 3.0 ] ] |> ignore)

    refused [ "2 columns and 1 rows" ] (fun () ->
        Trace.heatmap "m" [ 0.0; 1.0 ] [ 0.0 ] [ [ 1.0 ] ] |> ignore)

    refused [ "no length" ] (fun () -> Axis.between 1.0 1.0 "x" |> ignore)

    refused [ "cannot begin at 0" ] (fun () ->
        Figure.create
            "t"
            {
                Axis.between 0.0 1.0 "x" with
                    IsLog = true
            }
            (Axis.named "y")
            []
        |> ignore)

    refused [ "bars have categories" ] (fun () ->
        plain [ Trace.bar "b" [ "u" ] [ 1.0 ]; Trace.line "l" [ 0.0 ] [ 0.0 ] ]
        |> ignore)

    refused [ "0 figures in 2 columns" ] (fun () -> Figure.grid "g" 2 [] |> ignore)

// ---- the lesson's curves -----------------------------------------------------------------------------------------

[<Test>]
let ``softmax and cross entropy are drawn into an SVG file with the values of their formulas (row 31)`` () =
    use scratch = new IdxTests.Scratch()
    let z = [ -5.0 .. 0.5..5.0 ]
    let x = Tensor.ofFloats [ z.Length ] (Array.ofList z)
    let logits = Tensor.stack 1 [ x; Tensor.zerosLike x ]
    let softmax = Tensor.softmax 1 logits |> Tensor.narrow 1 0 1 |> Tensor.toFloats

    let loss =
        logits
        |> Loss.crossEntropyWith Reduction.None (Tensor.ofInt64s [ z.Length ] (Array.zeroCreate z.Length))
        |> Tensor.toFloats

    let path = scratch.At "curves.svg"

    plain [ Trace.line "softmax" z softmax; Trace.line "cross entropy" z loss ]
    |> Svg.write path

    let root = XDocument.Parse(File.ReadAllText path).Root
    let curves = named "polyline" root |> List.map pointsOf
    let yTicks = yTicks root

    for i, z in List.indexed z do
        shouldBeAt $"softmax of {z}" (placeBy yTicks (1.0 / (1.0 + exp -z))) (snd (curves[0][i]))
        shouldBeAt $"cross entropy of {z}" (placeBy yTicks (log (1.0 + exp -z))) (snd (curves[1][i]))
