/// Pools against PyTorch 1.13 in float64: outputs, and gradients of inputs and parameters.
module FunctionalDL.Tests.Layers.PoolLayerTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Layers.LayerSupport

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``max pool over one axis with padding and dilation`` (engine: string) =
    agrees
        engine
        (Pool(
            PoolSpec.Max(
                [ 2 ],
                {
                    Pooling.maxDefaults with
                        Stride = [ 1 ]
                        Padding = [ 1 ]
                        Dilation = [ 2 ]
                }
            )
        ))
        []
        [ [ 1; 2; 5 ] ]
        [] [
            [|
                0.783326909627
                0.999573603042
                0.783326909627
                0.999573603042
                0.745705212177
                -0.95160207389
                -0.529836140908
                -0.464602179414
                0.215119988088
                -0.464602179414
            |]
        ] [
            [|
                0.0
                1.529032121804
                1.140693611101
                -0.529836140908
                0.0
                -0.925814682328
                -0.95160207389
                0.0
                0.329065684435
                0.215119988088
            |]
        ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``max pool over two axes`` (engine: string) =
    agrees engine (Layer.maxPool [ 2; 2 ]) [] [ [ 1; 1; 4; 5 ] ] [] [
        [| 0.783326909627; 0.999573603042; 0.99894134184; 0.734397097874 |]
    ] [
        [|
            0.0
            0.783326909627
            0.999573603042
            0.0
            0.0
            0.0
            0.0
            0.0
            0.0
            0.0
            0.0
            0.745705212177
            0.14112000806
            0.0
            0.0
            0.0
            0.0
            0.0
            0.0
            0.0
        |]
    ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``average pool over two axes with uncounted padding`` (engine: string) =
    agrees
        engine
        (Pool(
            PoolSpec.Average(
                [ 2; 2 ],
                {
                    Pooling.averageDefaults with
                        Padding = [ 1 ]
                        CountIncludePad = false
                }
            )
        ))
        []
        [ [ 1; 1; 3; 4 ] ]
        [] [
            [|
                0.198669330795
                0.891450256334
                0.745705212177
                -0.161741085677
                -0.118162590715
                0.036563329756
            |]
        ] [
            [|
                0.783326909627
                0.499786801521
                0.499786801521
                0.745705212177
                0.07056000403
                -0.132459035227
                -0.132459035227
                -0.475801036945
                0.07056000403
                -0.132459035227
                -0.132459035227
                -0.475801036945
            |]
        ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``average pool over three axes`` (engine: string) =
    agrees engine (Layer.averagePool [ 1; 2; 2 ]) [] [ [ 1; 1; 2; 2; 3 ] ] [] [
        [| 0.467205365165; -0.21715722607 |]
    ] [
        [|
            0.195831727407
            0.195831727407
            0.0
            0.195831727407
            0.195831727407
            0.0
            0.24989340076
            0.24989340076
            0.0
            0.24989340076
            0.24989340076
            0.0
        |]
    ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``adaptive average pool`` (engine: string) =
    agrees engine (Pool(PoolSpec.AdaptiveAverage [ 2; 3 ])) [] [ [ 1; 1; 5; 4 ] ] [] [
        [|
            0.057299652708
            0.218375024968
            0.276745210782
            -0.126601110024
            0.061847254187
            0.221207888364
        |]
    ] [
        [|
            0.130554484938
            0.297150085445
            0.290879802536
            0.124284202029
            0.130554484938
            0.297150085445
            0.290879802536
            0.124284202029
            0.154074486281
            0.232364063303
            0.043973433403
            -0.034316143619
            0.023520001343
            -0.064786022141
            -0.246906369133
            -0.158600345648
            0.023520001343
            -0.064786022141
            -0.246906369133
            -0.158600345648
        |]
    ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``adaptive max pool`` (engine: string) =
    agrees engine (Pool(PoolSpec.AdaptiveMax [ 2 ])) [] [ [ 1; 2; 5 ] ] [] [
        [| 0.999573603042; 0.999573603042; -0.529836140908; 0.215119988088 |]
    ] [ [| 0.0; 0.0; 1.782900512669; 0.0; 0.0; 0.745705212177; 0.0; 0.0; 0.0; 0.14112000806 |] ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``adaptive concat pool, the largest first`` (engine: string) =
    agrees engine (Pool(PoolSpec.AdaptiveConcat [ 1; 1 ])) [] [ [ 2; 2; 2; 2 ] ] [] [
        [|
            0.999573603042
            0.14112000806
            0.68181876391
            -0.566533222266
            0.99894134184
            0.734397097874
            0.385781753591
            -0.160451151445
        |]
    ] [
        [|
            0.186426303044
            0.186426303044
            0.969753212672
            0.186426303044
            1.034853605056
            0.035280002015
            0.035280002015
            0.035280002015
            -0.231453670582
            -0.231453670582
            -0.231453670582
            -0.76128981149
            -1.067752618743
            -0.116150544853
            -0.116150544853
            -0.116150544853
        |]
    ]
