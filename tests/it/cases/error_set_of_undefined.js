vo.message.text = "x";
