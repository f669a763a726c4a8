/// Maps of where a network looks, and pictures with such maps over them.
module FunctionalDL.Tests.Images.OverlayTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Data
open FunctionalDL.Tests.Support

/// The toy of the lessons' section 3.14.
let private activations =
    float64s [ 2; 2; 2 ] [ 0.0; 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 7.0 ]

let private gradients =
    float64s [ 2; 2; 2 ] [ 1.0; 0.0; 0.0; 1.0; -1.0; -1.0; 0.0; 0.0 ]

[<Test>]
let ``row 84: the toy's maps`` () =
    let shouldBe expected map =
        shouldBeExactly "map" expected (Tensor.toFloats map)

    shouldBe [ 2.0; 3.0; 4.0; 5.0 ] (HeatMap.ofActivations activations)
    shouldBe [ -1.0; -1.0; -1.0; -1.0 ] (HeatMap.gradCam gradients activations)
    shouldBe [ 0.0; 0.0; 0.0; 0.0 ] (HeatMap.gradCamPositive gradients activations)
    // Channel weights -0.5 and 0.5: the sum is twice the mean where it is above 0.
    shouldBe [ 1.0; 1.0; 1.0; 1.0 ] (HeatMap.gradCam -gradients activations)
    shouldBe [ 2.0; 2.0; 2.0; 2.0 ] (HeatMap.gradCamPositive -gradients activations)

[<Test>]
let ``row 84: a map grows in straight lines between the centres of its cells`` () =
    let map = float64s [ 1; 2 ] [ 0.0; 4.0 ]
    // Centres at a quarter and three quarters of the width; beyond them the nearer one's value.
    shouldBeClose
        "row"
        1e-12
        [| 0.0; 0.0; 0.5; 1.5; 2.5; 3.5; 4.0; 4.0 |]
        (Tensor.toFloats (HeatMap.resize 1 8 map))

let private grey (level: byte) width height = {
    Width = width
    Height = height
    Channels = 1
    Samples = Array.create (width * height) level
}

[<Test>]
let ``row 84: an overlay mixes picture and palette by alpha`` () =
    let map = float64s [ 1; 2 ] [ -3.0; 9.0 ]

    let samples alpha =
        (Overlay.heatMap ColorScale.Magma alpha map (grey 100uy 2 1)).Samples

    shouldEqual [| 100uy; 100uy; 100uy; 100uy; 100uy; 100uy |] (samples 0.0)
    // matplotlib's magma begins with #000004 and ends with #fcfdbf.
    shouldEqual [| 0uy; 0uy; 4uy; 252uy; 253uy; 191uy |] (samples 1.0)
    shouldEqual [| 50uy; 50uy; 52uy; 176uy; 176uy; 146uy |] (samples 0.5)

[<Test>]
let ``a map of one number, and numbers that are none, have colours too`` () =
    let over (values: float list) =
        (Overlay.heatMap
            ColorScale.Magma
            1.0
            (float64s [ 1; values.Length ] values)
            (grey 9uy values.Length 1))
            .Samples

    shouldEqual [| 0uy; 0uy; 4uy; 0uy; 0uy; 4uy |] (over [ 5.0; 5.0 ])
    shouldEqual [| 226uy; 228uy; 232uy |] (over [ nan ])

[<Test>]
let ``maps, gradients and alphas that do not go together are refused`` () =
    raises<ShapeException>
        "heat map: [2; 2] are no activations of one picture; they are [channels; height; width]"
        (fun () -> HeatMap.ofActivations (float64s [ 2; 2 ] [ 1.0; 2.0; 3.0; 4.0 ]) |> ignore)

    raises<ShapeException>
        "Grad-CAM: the gradients are [1; 2; 2] and the activations [2; 2; 2]; they need equal shapes"
        (fun () -> HeatMap.gradCam (Tensor.slice 0 0 1 1 gradients) activations |> ignore)

    let message =
        messageOf<ArgumentException>(fun () ->
            Overlay.heatMap ColorScale.Magma 1.5 activations (grey 0uy 2 2) |> ignore)

    shouldContain [ "alpha is 1.5" ] message
